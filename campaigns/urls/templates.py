from django.urls import path

from campaigns.views import template_editor, templates

urlpatterns = [
    path("", templates.templates, name="templates"),
    path("new/", templates.template_new, name="template_new"),
    path("starters/", templates.template_starters, name="template_starters"),
    path("<int:pk>/", template_editor.template, name="template"),
    path("<int:pk>/preview/", template_editor.template_preview, name="template_preview"),
    path("<int:pk>/test/", template_editor.template_test, name="template_test"),
    path("<int:pk>/versions/", templates.template_versions, name="template_versions"),
    path("<int:pk>/current/", templates.template_current, name="template_current"),
    path("<int:pk>/archive/", templates.template_archive, name="template_archive"),
]
