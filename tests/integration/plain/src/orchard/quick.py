"""The same pipeline with a schedule that ticks every minute."""

from dataclasses import replace

from counterpoint.model import Schedule

from . import pipeline as daily

pipeline = replace(daily.pipeline, name="orchard_quick", schedule=Schedule("* * * * *"))
