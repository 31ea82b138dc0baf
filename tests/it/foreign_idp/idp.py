"""Another identity provider that is not ours: Lasso. It knows us by our metadata alone, takes signed requests only, and
signs everybody in as B.Simon, without a question. /sso takes requests by redirect and by post.

python3 idp.py SETTINGS, a JSON file: {tls: {cert, key}, signing: {cert, key}, metadata}, all of them paths.

On its standard input it is told: "sp PATH" (our metadata), "encrypt" (encrypt for us from now on).
"""

import html
import http.server
import json
import ssl
import sys
import threading
import urllib.parse
from datetime import datetime, timedelta, timezone

import lasso

with open(sys.argv[1], encoding="utf-8") as file:
    SETTINGS = json.load(file)

SERVER = lasso.Server(SETTINGS["metadata"], SETTINGS["signing"]["key"], None, SETTINGS["signing"]["cert"])
SERVER.signatureMethod = lasso.SIGNATURE_METHOD_RSA_SHA256
MAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


def instant(minutes):
    return (datetime.now(timezone.utc) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def mail_statement(mail):
    text = lasso.MiscTextNode.newWithString(mail)
    text.textChild = True
    value = lasso.Saml2AttributeValue()
    value.any = [text]
    attribute = lasso.Saml2Attribute()
    attribute.name = MAIL
    attribute.nameFormat = lasso.SAML2_ATTRIBUTE_NAME_FORMAT_URI
    attribute.attributeValue = [value]
    statement = lasso.Saml2AttributeStatement()
    statement.attribute = [attribute]
    return statement


def answer(message, relay_state):
    """The answer to a request: where to post it, and what."""
    login = lasso.Login(SERVER)
    login.setSignatureVerifyHint(lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE)
    login.processAuthnRequestMsg(message)
    login.setSignatureHint(lasso.PROFILE_SIGNATURE_HINT_FORCE)
    login.validateRequestMsg(True, True)
    login.buildAssertion(
        lasso.SAML2_AUTHN_CONTEXT_PASSWORD_PROTECTED_TRANSPORT, instant(0), "", instant(-5), instant(5)
    )
    login.assertion.authnStatement[0].sessionIndex = "s1"
    login.assertion.attributeStatement = [mail_statement("b.simon@lasso.test")]
    login.buildAuthnResponseMsg()
    return login.msgUrl, login.msgBody, login.msgRelayState or relay_state


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        # What follows the signature is not part of the message.
        signed = "&".join(part for part in query.split("&") if not part.startswith("login_hint="))
        self.reply(signed, dict(urllib.parse.parse_qsl(query)).get("RelayState"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = dict(urllib.parse.parse_qsl(body))
        self.reply(fields["SAMLRequest"], fields.get("RelayState"))

    def reply(self, message, relay_state):
        try:
            url, token, relay_state = answer(message, relay_state)
            fields = {"SAMLResponse": token, "RelayState": relay_state}
            inputs = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in fields.items())
            status, page = 200, f'<form method="post" action="{html.escape(url)}">{inputs}</form>'
        except (lasso.Error, KeyError) as error:
            status, page = 400, f"<h1>{html.escape(repr(error))}</h1>"
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *arguments):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SETTINGS["tls"]["cert"], SETTINGS["tls"]["key"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


print(serve(), flush=True)
# It ends with whoever started it.
for line in sys.stdin:
    word, _, path = line.strip().partition(" ")
    if word == "sp":
        SERVER.addProvider(lasso.PROVIDER_ROLE_SP, path, None, None)
    if word == "encrypt":
        for provider in SERVER.providers.values():
            provider.setEncryptionMode(lasso.ENCRYPTION_MODE_ASSERTION)
            provider.setEncryptionSymKeyType(lasso.ENCRYPTION_SYM_KEY_TYPE_AES_256)
            provider.setKeyEncryptionMethod(lasso.KEY_ENCRYPTION_METHOD_OAEP)
    print("done", flush=True)
