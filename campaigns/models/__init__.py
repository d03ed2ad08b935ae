"""What is said to patients, to whom it went and what came of it."""

from campaigns.models.addresses import Suppression
from campaigns.models.calls import CallAttempt, CallTask
from campaigns.models.campaigns import Campaign, Variant, VariantTemplate, VariantText
from campaigns.models.checks import CampaignCheck
from campaigns.models.consent_texts import ConsentText
from campaigns.models.content import Channel, Language, Offer, Purpose, Template, TemplateText
from campaigns.models.ledger import Dispatcher, Link, Message, MessageEvent
from campaigns.models.mailbox import CaughtMessage
from campaigns.models.policy import ChannelAccount, Policy
from campaigns.models.reach import ChannelReach
from campaigns.models.reports import WaitingReport
from campaigns.models.requests import VisitRequest
from campaigns.models.results import CampaignCount, CampaignResult, ReachTotal

__all__ = [
    "CallAttempt",
    "CallTask",
    "Campaign",
    "CampaignCheck",
    "CampaignCount",
    "CampaignResult",
    "CaughtMessage",
    "Channel",
    "ChannelAccount",
    "ChannelReach",
    "ConsentText",
    "Dispatcher",
    "Language",
    "Link",
    "Message",
    "MessageEvent",
    "Offer",
    "Policy",
    "Purpose",
    "ReachTotal",
    "Suppression",
    "Template",
    "TemplateText",
    "Variant",
    "VariantTemplate",
    "VariantText",
    "VisitRequest",
    "WaitingReport",
]
