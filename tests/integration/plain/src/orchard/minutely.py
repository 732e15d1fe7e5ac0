"""The same pipeline with a schedule that ticks while one waits for it."""

from dataclasses import replace

from counterpoint.model import Schedule

from .pipeline import pipeline as daily

pipeline = replace(daily, name="orchard_minutely", schedule=Schedule("* * * * *"))
