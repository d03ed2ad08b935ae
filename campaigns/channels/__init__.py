"""Ways of reaching a patient. They know no model: an Envelope goes in, a Receipt comes out.

`CHANNELS` names every channel by its code; `campaigns.services.sending.accounts.channel(code)` builds one from its
account.
"""

from campaigns.channels.base import Channel
from campaigns.channels.call import CallChannel
from campaigns.channels.email import EmailChannel
from campaigns.channels.sms import SmsChannel

CHANNELS: dict[str, type[Channel]] = {channel.code: channel for channel in (EmailChannel, SmsChannel, CallChannel)}
