//! The pages of the practice identity provider.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::TENANT;
use super::request::SignIn;

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#e8ecf1, #15181c); }
main { box-sizing: border-box; width: min(27rem, 100vw); padding: 2.5rem; background: light-dark(#fff, #22262b); }
h1 { margin: .5rem 0 1rem; font-size: 1.4rem; font-weight: 600; }
label { display: block; margin-top: 1rem; }
input { box-sizing: border-box; width: 100%; padding: .5rem .25rem; font: inherit; border: 0; border-bottom: 1px solid; background: transparent; }
.buttons { display: flex; justify-content: flex-end; gap: .5rem; margin-top: 1.5rem; }
button { padding: .4rem 1.6rem; font: inherit; border: 0; background: light-dark(#ccc, #444); color: inherit; cursor: pointer; }
button.first { background: #0067b8; color: #fff; order: 1; }
.error { color: light-dark(#b3261e, #ff9a91); }
.practice { margin: 2rem 0 0; font-size: .85rem; opacity: .75; }
</style>
</head>
<body>
<main>
<strong>Contoso</strong>
<h1>{{ title }}</h1>
{% match content %}
{% when Content::SignIn with { relay_state, request, login, wrong } %}
{% if *wrong %}<p class="error" role="alert">Your account or password is incorrect.</p>{% endif %}
<form method="post" action="/{{ TENANT }}/login">
<input type="hidden" name="SAMLRequest" value="{{ request }}">
{% if let Some(relay_state) = relay_state %}<input type="hidden" name="RelayState" value="{{ relay_state }}">{% endif %}
<label for="login">User name</label>
<input id="login" name="login" inputmode="email" autocomplete="username" placeholder="someone@contoso.com"
 value="{{ login }}"{% if login.is_empty() %} autofocus{% endif %}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
{%- if !login.is_empty() %} autofocus{% endif %}>
<div class="buttons">
<button class="first" type="submit">Sign in</button>
<button type="submit" name="cancel" value="1">Cancel</button>
</div>
</form>
{% when Content::Answer with { reply_url, relay_state, response } %}
<form method="post" action="{{ reply_url }}">
<input type="hidden" name="SAMLResponse" value="{{ response }}">
{% if let Some(relay_state) = relay_state %}<input type="hidden" name="RelayState" value="{{ relay_state }}">{% endif %}
<noscript><p>Script is off in this browser. Press the button to go on.</p></noscript>
<div class="buttons"><button class="first" type="submit">Continue</button></div>
</form>
<script>document.forms[0].submit()</script>
{% when Content::Text with (text) %}
<p>{{ text }}</p>
{% endmatch %}
<p class="practice">This is the practice identity provider of the demo. It is not Microsoft's.</p>
</main>
</body>
</html>
"##
)]
struct Page<'a> {
    title: &'a str,
    content: Content<'a>,
}

enum Content<'a> {
    SignIn { relay_state: Option<&'a str>, request: &'a str, login: &'a str, wrong: bool },
    Answer { reply_url: &'a str, relay_state: Option<&'a str>, response: String },
    Text(&'a str),
}

/// The page with name and password. `request` is the AuthnRequest as the browser brought it; `wrong` says that the last
/// attempt failed.
pub(super) fn sign_in(sign_in: &SignIn, request: &str, login: &str, wrong: bool) -> Option<String> {
    let relay_state = sign_in.relay_state.as_deref();
    render("Sign in", Content::SignIn { relay_state, request, login, wrong })
}

/// The page whose script posts a Response to the application (SAML Bindings §3.5.4).
pub(super) fn redirect(sign_in: &SignIn, response: &str) -> Option<String> {
    let (reply_url, relay_state) = (sign_in.reply_url.as_str(), sign_in.relay_state.as_deref());
    render("Working…", Content::Answer { reply_url, relay_state, response: STANDARD.encode(response) })
}

/// The page that says why a request is not answered.
pub(super) fn refused(why: &str) -> Option<String> {
    render("Sorry, but we’re having trouble signing you in.", Content::Text(why))
}

/// The page after signing out.
pub(super) fn signed_out() -> Option<String> {
    render("You signed out of your account", Content::Text("It’s a good idea to close all browser windows."))
}

fn render(title: &str, content: Content<'_>) -> Option<String> {
    Page { title, content }.render().ok()
}
