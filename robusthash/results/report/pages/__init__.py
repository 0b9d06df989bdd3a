"""The pages of a report: templates, style sheet, script, and the files that are made of them."""
