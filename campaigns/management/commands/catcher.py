"""manage.py catcher"""

import asyncio
import logging
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from campaigns.catcher.feedback import Feedback
from campaigns.catcher.gateway import Gateway
from campaigns.catcher.smtp import Handler, serve
from campaigns.catcher.storage import Store

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Take mails and SMS instead of the patients and show them on the mailbox page. Started by `up`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--smtp-port", type=int, default=1025)
        parser.add_argument("--sms-port", type=int, default=1026)
        parser.add_argument("--portal", default="", help="where delivery reports and complaints are posted")
        parser.add_argument("--keep", type=int, default=20_000, help="how many of the newest messages are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until asked to stop; what was taken by then is written."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # it writes down every address
        store = Store(options["keep"])
        feedback = Feedback(options["portal"] or settings.PUBLIC_URL, settings.HOOK_SECRET)
        gateway = Gateway(store, feedback, HOST, options["sms_port"])
        store.start()
        feedback.start()
        threading.Thread(target=gateway.serve_forever, name="gateway", daemon=True).start()
        handler = Handler(store, feedback, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
        try:
            asyncio.run(self._serve(handler, options["smtp_port"]))
        finally:
            gateway.shutdown()
            feedback.stop()
            store.stop()

    async def _serve(self, handler: Handler, port: int) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        server = await serve(handler, HOST, port)
        self.stdout.write(f"catching mail at {HOST}:{port}: it is shown on the mailbox page and goes to nobody")
        self.stdout.flush()
        await stopped.wait()
        server.close()
