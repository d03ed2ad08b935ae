from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("segmentation", "0008_intervals_in_use")]

    operations = [
        migrations.AlterField(
            model_name="forecast",
            name="p_alive",
            field=models.FloatField(
                help_text="Probability that the patient has not left the clinic for good, 0 to 1; not known of who came on one day.",
                null=True,
                verbose_name="P(alive)",
            ),
        ),
        # Of who came on one day the model says 1 whatever the silence.
        migrations.RunSQL(
            "UPDATE segmentation_forecast SET p_alive = NULL FROM segmentation_metrics AS known "
            "WHERE known.patient_id = segmentation_forecast.patient_id AND known.visit_days = 1",
            "UPDATE segmentation_forecast SET p_alive = 1 WHERE p_alive IS NULL",
        ),
        migrations.AddField(
            model_name="ltvfit",
            name="bill_level",
            field=models.FloatField(
                help_text="What was paid within 365 days ÷ what the model of the bill says of the same days.",
                null=True,
                verbose_name="level of bills",
            ),
        ),
    ]
