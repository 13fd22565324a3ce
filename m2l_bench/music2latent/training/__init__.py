"""Consistency training, from a folder of music to a checkpoint.

| read | for |
|---|---|
| `recipe` | every number of the schedule, with its source |
| `pack`, `corpus` | audio files -> int16 shards -> crops |
| `objective` | a batch of crops -> loss (Eq. 11) |
| `schedules`, `optimisers`, `muon`, `ema` | how weights move |
| `state` | checkpoints that resume, here or on another machine |
| `record`, `curve` | what a model card says of a training |
| `loop` | all of it, on one core or many machines; `clock`, `signals`, `prefetch`, `log`, `boards` help it |
"""
