"""Runs on disk -> one HTML file: tables beside the paper, differences, figures, and where every number comes from.

`gather` reads runs and reuses what `tables`, `probe_tables`, `significance` and `plots` make of them; `cells`,
`matrices` and `provenance` turn that into what a page shows; `page` fills `report.html.j2`. No model is ever run.
"""
