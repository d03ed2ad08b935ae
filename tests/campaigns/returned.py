"""Bounces and complaints in the shapes the world sends them in; written after RFC 3464, RFC 5965 and real servers."""

from campaigns.channels import return_path


def back(message_id: int, secret: str) -> str:
    return return_path.written("bounces@mail.clinic.example", message_id, secret)


def dsn(
    to: str,
    action: str,
    status: str,
    diagnostic: str,
    *,
    sender: str = "MAILER-DAEMON@mx.example.org",
    original: str = "",
    own_id: str = "1@mx.example.org",
) -> bytes:
    """multipart/report; report-type=delivery-status."""
    return f"""\
Return-Path: <>
From: Mail Delivery System <{sender}>
To: <{to}>
Subject: Undelivered Mail Returned to Sender
Message-ID: <{own_id}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Письмо не доставлено.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Arrival-Date: Mon, 23 Nov 2026 09:00:00 +0300

Final-Recipient: rfc822; anna@example.org
Original-Recipient: rfc822;anna@example.org
Action: {action}
Status: {status}
Remote-MTA: dns; emx.mail.ru
Diagnostic-Code: {diagnostic}

--b1
Content-Type: message/rfc822

{original or "Subject: x"}

<p>Анна, ждём вас</p>
--b1--
""".encode()


def arf(kind: str, original: str, mail_from: str = "", own_id: str = "fbl1@example.org") -> bytes:
    """multipart/report; report-type=feedback-report, as feedback loops send it: the address is often hidden."""
    return f"""\
From: <fbl@corp.example.org>
To: <fbl@clinic.example>
Subject: Abuse report
Message-ID: <{own_id}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type="feedback-report"; boundary="b2"

--b2
Content-Type: text/plain

This is an abuse report.

--b2
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Loop/2.0
Version: 1
{f"Original-Mail-From: <{mail_from}>" if mail_from else "Source-IP: 192.0.2.1"}

--b2
Content-Type: text/rfc822-headers

{original}

--b2--
""".encode()


def exim(to: str, words: str) -> bytes:
    """Old Exim: no report, the answer of the other server in the text."""
    return f"""\
Return-path: <>
X-Failed-Recipients: anna@example.org
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@host.example>
To: {to}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1-exim@host.example>

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  anna@example.org
    host mxs.mail.ru [217.69.139.150]
    SMTP error from remote mail server after RCPT TO:<anna@example.org>:
    {words}
""".encode()


def qmail(to: str, words: str) -> bytes:
    return f"""\
Return-Path: <>
From: MAILER-DAEMON@mail.example.org
To: {to}
Subject: failure notice
Message-ID: <q1@mail.example.org>

Hi. This is the qmail-send program at mail.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.

<anna@example.org>:
Remote host said: {words}
""".encode()


def away(to: str) -> bytes:
    """Somebody is on holiday, and the letter even says 550."""
    return f"""\
From: Anna <anna@example.org>
To: {to}
Subject: Автоответ: отпуск
Auto-Submitted: auto-replied
Message-ID: <away@example.org>

Я в отпуске до 550 числа. 550 5.1.1 шутка.
""".encode()
