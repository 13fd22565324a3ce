"""Dataset loaders, one a file. Each has `load(data, **options) -> Dataset`, named by a task card's `dataset` key."""
