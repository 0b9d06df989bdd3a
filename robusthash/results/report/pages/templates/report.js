"use strict";
// Sorting, filtering and the theme. Everything can be read without this script.
(() => {
  const all = (selector, where = document) => [...where.querySelectorAll(selector)];

  // The theme. A page that is opened from disk may have no storage: then the choice lasts as long as the page.
  const root = document.documentElement, toggle = document.getElementById("theme");
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const named = () => { toggle.textContent = dark() ? "Light" : "Dark"; toggle.setAttribute("aria-label", `Show in ${dark() ? "light" : "dark"} colours`); };
  const stored = (choice) => {
    try {
      if (choice) localStorage.setItem("robusthash-theme", choice);
      return localStorage.getItem("robusthash-theme");
    } catch { return choice; }
  };
  const before = stored();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  toggle.hidden = false;
  named();
  toggle.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; stored(root.dataset.theme); named(); });

  // Sorting: heads become buttons. A third press restores the order of the report.
  const units = { ms: 0.001, s: 1 };
  const valued = (cell) => {
    const found = /^[^\d+-]{0,3}([+-]?\d[\d.]*(?:e[+-]?\d+)?)\s*(ms|s)?/.exec(cell.textContent.trim());
    return found ? parseFloat(found[1]) * (units[found[2]] || 1) : null;
  };
  const compared = (numbers, place) => (one, other) => {
    const [a, b] = [one, other].map((row) => (numbers ? valued(row.cells[place]) : row.cells[place].textContent.trim()));
    return numbers ? a - b : a.localeCompare(b, "en", { numeric: true });
  };
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0], given = [...body.rows], heads = all("thead th", table);
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        heads.forEach((one) => one.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", next);
        const numbers = head.classList.contains("n");
        const empty = (row) => (numbers ? valued(row.cells[place]) === null : row.cells[place].textContent.trim() === "");
        const sorted = given.filter((row) => !empty(row)).sort(compared(numbers, place));
        if (next === "descending") sorted.reverse();
        body.append(...(next === "none" ? given : [...sorted, ...given.filter(empty)]));
      });
    });
  }

  // Filters and search act on the leaderboard and on the list of records.
  const form = document.getElementById("filters");
  if (form) {
    const rows = all("tr.row"), records = all("details.record"), count = document.getElementById("count");
    const texts = new Map([...rows, ...records].map((one) => [one, (one.tagName === "TR" ? one : one.querySelector("summary")).textContent.toLowerCase()]));
    const applied = () => {
      const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = all("select", form).filter((one) => one.value).map((one) => [one.dataset.key, one.value]);
      for (const one of [...rows, ...records]) {
        const text = texts.get(one);
        one.hidden = !words.every((word) => text.includes(word)) || !wanted.every(([key, value]) => one.dataset[key] === value);
      }
      count.textContent = `${rows.filter((one) => !one.hidden).length} of ${rows.length} rows`;
    };
    form.hidden = false;
    form.addEventListener("input", applied);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(applied));
    applied();
  }

  // A link to a record opens it; printing opens all.
  const opened = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") {
      target.hidden = false;
      target.open = true;
      target.querySelector("summary").focus();
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", opened);
  opened();
  let closed = [];
  addEventListener("beforeprint", () => { closed = all("details:not([open])"); closed.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => { closed.forEach((one) => { one.open = false; }); });

  // A box is a stop of the keyboard only where it scrolls.
  const stops = () => all(".scroll").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else if (box.clientWidth) box.removeAttribute("tabindex");
  });
  addEventListener("resize", stops);
  document.addEventListener("toggle", stops, true);
  stops();
})();
