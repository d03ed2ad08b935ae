"""What others post to us. Under /hooks/."""

from django.urls import path

from campaigns.views import hooks

urlpatterns = [
    path("sms/", hooks.sms, name="hook_sms"),
    path("sms/smsru/", hooks.smsru, name="hook_smsru"),
    path("sms/smsc/", hooks.smsc, name="hook_smsc"),
    path("mail/", hooks.mail, name="hook_mail"),
]
