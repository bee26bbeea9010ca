from django.db import migrations, models
from django.db.models.functions import Concat

import budget.search


def search_text(first: str, *others: str) -> models.GeneratedField:
    parts: list[models.F | models.Value] = [models.F(first)]
    for column in others:
        parts += [models.Value(" "), models.F(column)]
    return models.GeneratedField(
        db_comment=f"Decomposed lower case of {', '.join([first, *others])}, for search",
        db_persist=True,
        expression=budget.search.Decomposed(Concat(*parts, output_field=models.TextField())),
        output_field=models.TextField(),
        verbose_name="search text",
    )


class Migration(migrations.Migration):
    """Decomposed text of names beside them, for the search indexes that follow."""

    dependencies = [("budget", "0014_events_of_active_organizations")]

    # lint: accept column-rewrites-table because the first release applies it, to tables of a parish's size
    operations = [
        migrations.AddField("user", "search_text", search_text("name", "baptismal_name", "email")),
        migrations.AddField("organization", "search_text", search_text("name", "code")),
        migrations.AddField("event", "search_text", search_text("name", "location")),
        migrations.AddField("settlementitem", "search_text", search_text("vendor", "description")),
    ]
