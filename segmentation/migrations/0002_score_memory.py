import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("segmentation", "0001_memberships")]

    operations = [
        migrations.AlterField(
            model_name="score",
            name="patient",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="score",
                serialize=False,
                to="patients.patient",
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="changed_on",
            field=models.DateField(null=True, verbose_name="scores changed on"),
        ),
        migrations.AddField(
            model_name="score",
            name="r_before",
            field=models.SmallIntegerField(null=True, verbose_name="recency score before"),
        ),
        migrations.AddField(
            model_name="score",
            name="f_before",
            field=models.SmallIntegerField(null=True, verbose_name="frequency score before"),
        ),
        migrations.AddField(
            model_name="score",
            name="m_before",
            field=models.SmallIntegerField(null=True, verbose_name="money score before"),
        ),
        migrations.AddField(
            model_name="score",
            name="profit_band_before",
            field=models.SmallIntegerField(null=True, verbose_name="profit band before"),
        ),
    ]
