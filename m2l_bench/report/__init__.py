"""Reports: one HTML file from runs on disk, with tables beside the paper's, differences, figures, and provenance.

`gather` reads runs and collects what `m2l_bench.tables` and `m2l_bench.plots` make from them; `cells`, `matrices` and
`provenance` convert that to what a page shows; `page` fills the template `report.html.j2`. No model is ever run.
"""
