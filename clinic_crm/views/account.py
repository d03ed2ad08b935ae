"""The reader's own account."""

from django.contrib import messages
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _


class OwnPassword(PasswordChangeView):
    """For everybody who has logged in; other sessions of the reader end with the old password."""

    template_name = "registration/own_password.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form):  # type: ignore[no-untyped-def]
        answer: HttpResponse = super().form_valid(form)
        messages.success(self.request, _("The password has been changed."))
        return answer
