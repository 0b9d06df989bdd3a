"""What is measured, by what it is about: ``python -m benchmarks.search.map_speed``, from the root of the checkout.

* ``search``: MAP, retrievers and deployed indexes;
* ``attacks``: the gradient engine, its time and memory;
* ``learnt``: attacks that learn, beside the cheapest that do not;
* ``choices``: what the defaults were chosen by;
* ``defenses``: adversarial training;
* ``networks``: one pass of a network, by its layout, precision and batch;
* ``data``: reading of datasets;
* ``photographs``: protection of a user's own;
* ``commands``: whole commands, and what a query passes inside one.

``stage`` is the victim that many of them share.
"""
