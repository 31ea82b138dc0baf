# English. Each message is found in the pages or in the code by its whole name; a test sees to that.

direction = ltr
language = English
error-prefix = Error:
help = Need help?
request-id = Request ID: { $id }
moment = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
  } { $year }, { $time } ({ $zone })
device = { $browser } on { $system }
device-unknown = Unknown device
try-again = Try again
sign-in-again = Sign in
back-to-portal = Back to the portal
copy = Copy
copied = Copied
nav-label = Portal
nav-you = You
nav-devices = Devices
nav-tools = Tools

## Signing in

logon-title = Sign in
logon-lead = to use the internet from this device.
logon-lead-place = to go on to
logon-account = Account
logon-hint = For example { $example }
logon-continue = Log on
logon-next = Next comes your organisation's own sign-in page. Your password is typed there, not here.
logon-or = or
logon-guest = Continue as guest
logon-which = Which name do I type?
logon-which-lead = Any name that your organisation knows you by, together with its domain:

mistake-empty = Type your account name, for example { $example }.
mistake-too-long = This name is too long for an account name. It looks like { $example }.
mistake-no-domain = The domain is missing. Type the whole name, for example { $example }.
mistake-no-account = The name in front of the domain is missing. Type the whole name, for example { $example }.
mistake-bad-domain = The part that names your organisation is not a valid domain. The whole name looks like { $example }.
mistake-bad-character = The name has a character in it that no account name has. It looks like { $example }.
mistake-not-enabled = Signing in with this domain is not switched on yet. Your help desk knows when it will be.
mistake-unknown-domain = This portal does not serve that domain. Check its spelling; the whole name looks like { $example }.
mistake-unclear = This form of the name cannot be used here. Type the name with which you sign in to your work account, such as { $example }.

note-expired = This link is older than an hour, so the address that you wanted is no longer known. Sign in, then open it again.
note-broken = The address that you wanted could not be read. Sign in, then open it again.
note-form-expired = This page was open for a long time. Please press Log on once more.
note-form-foreign = For your safety nothing was sent, because the form did not come from this page. Please press Log on once more.
note-no-cookie = Your browser did not keep this site's cookie, and signing in needs it. Allow cookies for this site, then press Log on.
note-unsent = The form that you filled in was not sent, because you were not signed in. After signing in you will be told how to send it.
note-expired-signed-in = You are signed in. This link is older than an hour, so the address that you wanted is no longer known: open it again.
note-other-client = You are signed in. This link was made for another device or another connection, so it leads no further: open the address that you wanted again.
note-used = This sign-in was already used, or it took too long. Please start again here.
note-tile = The tile that you pressed led here, and sign-ins begin on this page. Type your account name and continue: if you are signed in at your organisation already, nothing more is asked.
note-unsolicited = You signed in from your organisation's list of applications. If this is not your account, sign out here.
note-welcome-back = You are already signed in. Nothing more is needed.
note-other-person = You signed in as { $asserted }, but typed { $typed }. If that is not you, sign out here.

## Signed in

signed-in-title = You are signed in
signed-in-lead = as
signed-in-go-on = Go on to { $place }
signed-in-account = Your account
signed-in-name = Account
signed-in-since = Signed in since
signed-in-until = Signed in until
signed-in-devices = Where you are signed in
signed-in-here = This device
signed-in-device-since = since { $moment }
signed-in-more = and { $count } more
sign-out-here = Sign out here
sign-out-there = Sign out there
sign-out-everywhere = Sign out everywhere
certificate-link = Set up this device: install the certificate

signed-in-left = Your session ends in { $hours } h { $minutes } min.
signed-in-renew = Renew it now
connected-back = You can go back to your page.
connected-reload = It reloads by itself in its tab. If it does not, reload it there. This page can be closed.
connected-account = Your account and devices
connected-visit = Your visit
signed-in-guest-title = You are browsing as a guest
signed-in-guest-lead = Some sites may be for people with an account only.
signed-in-as-guest = as a guest
guest-visit = Your visit
guest-since = Since
guest-until = Until
guest-end = End your visit
guest-left = Your visit ends in { $hours } h { $minutes } min.
guest-renew = Stay longer

guest-title = Continue as a guest
guest-lead = to use the internet without an account.
guest-terms = Terms of use
guest-accept = I have read the terms and accept them.
guest-missing = To go on as a guest, accept the terms.
guest-facts = Do you have an account here?
guest-account = Sign in with your account

signed-out-title = You are signed out
signed-out-lead = What you open from now on is no longer linked to your name.
signed-out-everywhere = None of your devices is signed in any more.
signed-out-here = This server has signed you out and keeps to it. It cannot reach the store that it shares with other servers at the moment: they follow when it is back. Until then, somebody who has this browser's old cookies could go on at another server.
signed-out-fleetingly = This server has signed you out, but cannot write that down at the moment: neither its store nor its disk takes it. Other servers and restarts follow when the store is back. Sign out again later to be sure, and tell your help desk.
signed-out-guest-title = Your visit has ended
signed-out-guest-lead = This device is not let through as a guest any more.
signed-out-provider-too = You are signed out at your organisation's sign-in page as well.
signed-out-provider-unconfirmed = Your organisation's sign-in page did not confirm that you are signed out there as well. On a shared computer, close all browser windows.
signed-out-provider = You may still be signed in at your organisation's sign-in page. On a shared computer, close all browser windows as well.

## Refused by a rule

denied-title = This site is blocked
denied-lead = is not allowed here.
denied-rule = Blocked by
denied-blocked-list = The list of blocked sites
denied-default = No rule allows this site
denied-unidentified = This site is only for people who are signed in
denied-offline = Nobody can sign in at the moment, and this site needs it
denied-user = Signed in as
denied-as-guest = a guest
denied-next = If you need this site for your work, ask your help desk and tell them the rule and the request ID.
denied-review-lead = If you need this site for your work, you can ask for it.
denied-review = Ask for this site
denied-pass = See what it takes
denied-pass-lead = A rule asks something of you first.
denied-ask = Ask your help desk
denied-guest = You are browsing as a guest, and some sites are for people with an account only.
denied-mail-subject = Blocked site: { $site }
denied-mail =
    Site: { $site }
    Blocked by: { $rule }
    Request ID: { $id }

## A form that was not sent

handover-sign-in = Going on to sign in
handover-sign-out = Going on to sign out
handover-lead = This goes on by itself. If it does not, press the button.
handover-continue = Continue

unsent-title = Your form was not sent
unsent-lead = You were not signed in when you sent a form to
unsent-lead-halted = A rule stopped the form that you sent to
unsent-what = What was not sent
unsent-method = a form ({ $method })
unsent-where = Where to
unsent-next = Nothing of it reached the site. Go back to the form with your browser's Back button, or go on to the site, and send it again: you are signed in now, so it will arrive. Most browsers still know what you typed.
unsent-next-halted = Nothing of it reached the site. Go back to the form with your browser's Back button, or go on to the site, and send it again: it will arrive now. Most browsers still know what you typed.
unsent-go-on = Go on to { $place }

## Cookies

cookies-title = Your browser does not keep our cookie
cookies-lead = you are signed in, but this site's page comes back without the cookie that says so.
cookies-steps =
    Allow cookies for this site, at least until you close the browser.
    Switch off extensions that remove cookies, or make an exception for this site.
    If you use a private window, try a normal one.
contradict-title = Another site's cookie is in the way
contradict-lead = you are signed in, but some site has set a cookie with the name of ours for this one as well, and the two contradict each other. We have tried to remove it.
contradict-steps =
    In your browser's settings, delete the cookies of this site and of the domain above it.
    Open the page once more.
    If it happens again, some page of that domain keeps setting the cookie: tell your help desk the address of this page.

## What went wrong on the way to a site

problem-why = Why this happens
problem-next = What you can do

error-name-not-found = This site could not be found
    .what = there is no site with this name.
    .why = The name may be misspelt, or the site may have moved or been closed.
    .next = Check the spelling of the address. If it is right, try again in a few minutes.
error-refused = The site does not answer
    .what = the site's computer refused the connection.
    .why = The site may be down, or nothing runs at this address and port.
    .next = Try again in a few minutes. If only this site is affected, its operator has to repair it.
error-timed-out = The site took too long
    .what = the site did not answer in time.
    .why = The site may be overloaded or down, or the network on the way to it may be slow.
    .next = Try again in a few minutes.
error-certificate = The site could not prove who it is
    .what = the site's certificate is not valid, so nothing was sent to it.
    .why = The certificate may have expired or be made for another name, or somebody may be pretending to be this site.
    .next = Don't send anything to this site. Try again later, and tell your help desk if it goes on.
error-certificate-expired = The site could not prove who it is
    .what = the site's certificate has expired, so nothing was sent to it.
    .why = Whoever runs the site has not renewed the certificate in time, or somebody shows an old one.
    .next = Don't send anything to this site. Try again later, and tell your help desk if it goes on.
error-certificate-not-yet = The site could not prove who it is
    .what = the site's certificate is not valid yet, so nothing was sent to it.
    .why = Whoever runs the site uses a certificate too early, or a clock is wrong.
    .next = Don't send anything to this site. Try again later, and tell your help desk if it goes on.
error-certificate-name = The site could not prove who it is
    .what = the site's certificate is made for another name, so nothing was sent to it.
    .why = The address may be mistyped, the site may be set up wrongly, or somebody may be pretending to be this site.
    .next = Don't send anything to this site. Try again later, and tell your help desk if it goes on.
error-certificate-issuer = The site could not prove who it is
    .what = nobody whom the proxy trusts vouches for the site's certificate, so nothing was sent to it.
    .why = The site may have made the certificate itself, as inside of some companies, or somebody may be pretending to be this site.
    .next = Don't send anything to this site. Try again later, and tell your help desk if it goes on.
error-certificate-revoked = The site could not prove who it is
    .what = the site's certificate has been revoked, so nothing was sent to it.
    .why = Its key may be in the hands of somebody who pretends to be this site.
    .next = Don't send anything to this site. Try again later, and tell your help desk if it goes on.
error-unreachable = The site cannot be reached
    .what = there is no way through the network to this site.
    .why = The site or a network on the way to it may be down.
    .next = Try other sites. If none works, tell your help desk; otherwise try again in a few minutes.
error-connection-lost = The connection was lost
    .what = the site ended the connection before its answer was complete.
    .why = The site may have been restarted, or a network on the way may have failed.
    .next = Try again.
error-bad-answer = The site's answer could not be understood
    .what = the site sent something that is not a valid answer.
    .why = The site's software is faulty, or the address belongs to something that is not a website.
    .next = Check the address. If it is right, the site's operator has to repair it.
error-not-allowed = This address is not allowed
    .what = the name leads to an internal or special address, or to the machine of the proxy itself, and the proxy does not connect to those.
    .itself = this is an internal or special address, or one of the machine of the proxy itself, and the proxy does not connect to those.
    .why = This protects the network that the proxy runs in.
    .next = If you need this address for your work, ask your help desk and tell them the request ID.
error-direct = You are not signed in, and cannot be asked here
    .what = browsers reach this address without the proxy, so the proxy asks nobody to sign in for it.
    .why = Otherwise somebody else could use a link to it to be taken for you.
    .next = Use the proxy configuration file of your organisation: your browser then opens this address directly. Or open any public site first, sign in there, and come back.
error-port-not-allowed = Port { $port } is not allowed
    .what = the proxy does not connect to port { $port }.
    .why = Only the usual ports of websites are open, because others are used to get around protection.
    .next = Check the address. If you need this port for your work, ask your help desk and tell them the request ID.
error-parent = Another proxy on the way is not available
    .what = this proxy reaches the site through another proxy, and that one cannot be used at the moment.
    .why = The other proxy may be down, or its settings and ours may not fit.
    .next = Try again in a few minutes. If it goes on, tell your help desk the request ID.
error-parent-denied = Another proxy on the way does not allow this site
    .what = this proxy reaches the site through another proxy, and that one does not connect to it.
    .why = The other proxy has rules of its own.
    .next = If you need this site for your work, ask your help desk and tell them the request ID.
error-loop = The request came back to the proxy
    .what = the request has been here before.
    .why = Two proxies send requests to each other, or the address is the proxy's own.
    .next = Tell your help desk the request ID: this has to be set right in the configuration.
error-too-large = The request is too large
    .what = the request or its header is larger than the proxy takes.
    .why = This can come from very many or very large cookies of one site.
    .next = Delete the cookies of this site, then try again.
error-bad-request = The request could not be understood
    .what = your browser or program sent something that is not a valid request.
    .why = The program may be faulty, or the address may be written in a wrong way.
    .next = Check the address and try again.
error-busy = The proxy is busy
    .what = there are too many requests at the moment.
    .why = Many people are using the proxy, or this device sends very many requests.
    .next = Wait a minute, then try again.
error-exhausted = You have reached a limit
    .what = a rule of your organisation limits how much of it you may use.
    .why = In the last moments there were more requests than that rule allows, or too many connections were open at the same time.
    .next = Wait a little, then try again. If it happens often, tell your help desk the request ID.
error-malware = Malware was found in this file
    .what = what you wanted to open was not passed on, because a scanner has found malware in it.
    .why = The scanner calls it { $threat }. Such a file can damage your device or send its data to strangers.
    .next = Do not try to get the file in another way. If you need it for your work, or think that this is a mistake, tell your help desk the request ID.
error-malware-upload = Malware was found in what you wanted to send
    .what = nothing was sent, because a scanner has found malware in it.
    .why = The scanner calls it { $threat }. The file on your device may be infected.
    .next = Do not open the file and do not pass it on. Tell your help desk the request ID: your device should be looked at.
error-scanner-failed = It could not be scanned for malware
    .what = it was not passed on, because your organisation wants it to be scanned for malware first, and the scanner cannot be reached.
    .why = The scanner may have been restarted, or it may have too much to do.
    .next = Try again in a few minutes. If it goes on, tell your help desk the request ID.
error-too-long-to-scan = It is too large to be scanned for malware
    .what = it was not passed on, because your organisation wants it to be scanned for malware first, and it is larger than what the scanner takes.
    .why = What nobody has looked at could hold anything.
    .next = If you need it for your work, ask your help desk and tell them the request ID.
error-part-not-scanned = A part of a file cannot be scanned for malware
    .what = it was not passed on, because your program asked for a part of a file, and the scanner must see all of it.
    .why = Malware cannot be recognised by a part of a file.
    .next = Download the whole file anew, and do not go on with a download that was broken off.
error-coding-not-scanned = It is packed in a way that cannot be scanned for malware
    .what = it was not passed on, because your organisation wants it to be scanned for malware first, and the site packs it in a way that the scanner cannot unpack.
    .why = What nobody has looked at could hold anything. Trying again does not help as long as the site answers like this.
    .next = If you need it for your work, tell your help desk the request ID.
error-internal = Something went wrong here
    .what = the proxy could not finish the request.
    .why = This is a fault on our side, not on yours.
    .next = Try again. If it happens again, tell your help desk the request ID.

## What went wrong in the portal

sign-in-refused = The sign-in was not accepted
    .what = The answer of the sign-in page could not be accepted, so you are not signed in.
    .why = The answer may have been used before, may have taken too long, or may not belong to this browser.
    .next = Start again. If it happens again, tell your help desk the request ID.
sign-in-clock = Two clocks differ
    .what = The answer of the sign-in page is dated later than now, so you are not signed in.
    .why = The clock of this portal or that of the sign-in page is wrong. Your own device's clock does not matter.
    .next = Tell your help desk the request ID: a clock has to be set right.
sign-in-too-late = The sign-in took too long
    .what = The answer of the sign-in page is no longer valid, so you are not signed in.
    .why = The page was open for a long time, or an old answer was sent again.
    .next = Start again. If it happens at once, tell your help desk the request ID: a clock may be wrong.
sign-in-other-person = You signed in with another account
    .what = The account at the sign-in page is not the one that you typed here, so you are not signed in.
    .why = Another account was still signed in at your organisation's sign-in page.
    .next = Start again, and choose the right account on the sign-in page. In a private window no other account is signed in.
proof-other-person = You signed in with another account
    .what = The account at the sign-in page is not the one that is signed in here, so nothing has changed.
    .why = This page wants the person who is signed in here to prove once more who they are.
    .next = Start again, and choose the account that is signed in here. If that is not you, sign out in the portal first.
proof-not-anew = The sign-in page did not ask you again
    .what = You are still signed in, but the page that you wanted needs a fresh sign-in, and this was not one.
    .why = Your organisation's sign-in page answered with an earlier sign-in instead of asking you.
    .next = Start again. If it happens again, tell your help desk the request ID.
sign-in-not-asked = The sign-in page did not ask you
    .what = You are not signed in, because each sign-in here must be a fresh one, and this was not.
    .why = Your organisation's sign-in page answered with an earlier sign-in instead of asking you.
    .next = Start again. If it happens again, tell your help desk the request ID: this realm has force_authn, and the sign-in page does not follow it.
sign-in-other-way = You signed in in another way than is wanted here
    .what = The sign-in worked, but not with the kind of proof that your organisation asks for here, so you are not signed in.
    .why = For instance, a password alone where a second factor is wanted, or a key where a password is.
    .next = Start again and choose another way on the sign-in page. If there is none, tell your help desk the request ID: the ways are listed in authn_context of this realm, or of the rule that asks for them.
sign-in-foreign-name = Your account belongs to another domain
    .what = The sign-in worked, but the name that came back is not in a domain that this sign-in page may speak for, so you are not signed in.
    .why = Each sign-in page may name people of its own domains only. Otherwise one organisation could pass its people off as another's.
    .next = Start again with your own organisation's address. If it should work with this account, tell your help desk the request ID: an administrator can add the domain to domains of this realm, or to foreign_names for guests.
sign-in-no-name = The sign-in page did not say who you are
    .what = The sign-in worked, but the answer holds no name that this portal can use, so you are not signed in.
    .why = The claim that names you is missing, is empty, has more than one value, or changes at each sign-in.
    .next = Starting again does not help. Tell your help desk the request ID: an administrator can see with vestibule test-sso which claim it is, and correct it at the identity provider or in identity_claims of this realm.
sign-in-other-tenant = Your account belongs to another tenant
    .what = The sign-in worked, but not with an account of the tenant that is wanted here, so you are not signed in.
    .why = The claim that names the tenant of your account is missing or names another one.
    .next = Start again and choose an account of this organisation. If it was one, tell your help desk the request ID: the tenant stands in require_tenant of this realm.
sign-in-foreign = This sign-in was not started in this browser
    .what = You are not signed in, because the sign-in did not begin here.
    .why = The link was opened in another browser, the cookies were deleted meanwhile, or somebody sent you the link.
    .next = Start again in this browser.
sign-out-refused = The sign-out was not accepted
    .what = A message about a sign-out could not be accepted, so nothing was changed here.
    .why = The message may be too old, may not come from your organisation's sign-in page, or may not concern this browser.
    .next = Go back to the portal. If you are still signed in there, sign out there.
sign-in-occupied = Somebody else is signed in in this browser
    .what = Your organisation's page wanted to sign you in here, but this browser belongs to another account at the moment.
    .why = Nobody is to browse under another name without noticing it.
    .next = Go to the portal and sign out there, then try again.
test-link = This link cannot be used
    .what = The link to the sign-in test has been used already, is older than 15 minutes, or was not made for this portal.
    .why = Whoever has such a link can run the test once.
    .next = Have a new link made with the command vestibule test-sso, and open it in this browser.
provider-not-assigned = Your account has no access yet
    .what = The sign-in worked, but your account is not allowed to use this proxy.
    .why = An administrator has to assign your account to this application first (AADSTS50105).
    .next = Ask your administrator or help desk for access, then try again.
provider-no-session = Please sign in again
    .what = The sign-in page did not know you any more.
    .why = It was asked to sign you in without showing a page, and there was no earlier sign-in.
    .next = Start again and sign in.
provider-cancelled = The sign-in was cancelled
    .what = The sign-in page was closed before the sign-in was finished, so you are not signed in.
    .why = Somebody pressed Cancel, or did not agree to what the page asked for.
    .next = Start again whenever you like.
provider-locked = Your account cannot sign in
    .what = The sign-in page says that your account is locked, disabled or not found.
    .why = This happens after many wrong passwords, or when an administrator has switched the account off.
    .next = Ask your administrator or help desk.
provider-policy = Your organisation does not allow this sign-in
    .what = A rule of your organisation stopped the sign-in.
    .why = It may ask for a managed device, for another place, or for one more proof of who you are.
    .next = Try from a device that your organisation manages, or ask your help desk.
provider-misconfigured = The sign-in is not set up correctly
    .what = Your organisation's sign-in page does not accept requests from this portal.
    .why = The two have different settings. You have done nothing wrong.
    .next = Tell your help desk the request ID and the line above.
provider-unknown = This portal cannot send you to your sign-in page
    .what = This portal does not have valid information about your organisation's sign-in page at the moment, so nobody can sign in.
    .why = The information could not be fetched yet, or the time for which it was valid is over. Your organisation's sign-in page was not asked.
    .next = Try again in a few minutes. If it goes on, tell your help desk the request ID: the metadata of this realm have to be renewed.
provider-failed = The sign-in did not work
    .what = Your organisation's sign-in page answered with an error.
    .why = It gave the reason below, if it gave one.
    .next = Start again. If it happens again, tell your help desk the request ID.
portal-busy = Too many sign-ins at the moment
    .what = The portal cannot take more sign-ins right now.
    .why = There were very many attempts in a short time.
    .next = Wait a minute, then try again.
ended-here = It has ended on this server
    .what = What you have ended stays so on this server. Other servers follow a little later.
    .why = This server cannot reach the store that it shares with them at the moment. It tells them when the store is back.
    .next = There is nothing more to do.
ended-fleetingly = It has ended on this server, for now
    .what = What you have ended is over on this server, until it stops.
    .why = Neither the store nor the disk of this server takes it at the moment. If the server restarts before they do, it comes back.
    .next = End it again later, and tell your help desk.
portal-away = Nobody can sign in at the moment
    .what = The portal cannot begin a new session right now. Whoever is signed in already can go on.
    .why = A part of the system that remembers who is signed in does not answer.
    .next = Wait a few minutes, then try again. Your help desk knows more if it lasts.
portal-form = The form was not accepted
    .what = Nothing was changed, because the form did not come from this portal's page or was too old.
    .why = This protects you from pages that press buttons in your name.
    .next = Go back to the portal and press the button there.
portal-not-found = There is no such page
    .what = The portal has no page at this address.
    .why = The address may be misspelt, or the link may be old.
    .next = Go back to the portal.
portal-too-large = The message is too large
    .what = What was sent is larger than the portal takes.
    .why = No form of this portal is that large.
    .next = Go back to the portal and start again.

## The certificate

certificate-title = Set up this device
certificate-lead = Some pages reach you only when this device trusts the proxy's own certificate authority: the sign-in page in front of https sites, and pages that say why a site is blocked.
certificate-this = The certificate
certificate-name = Name
certificate-until = Valid until
certificate-fingerprint = SHA-256 fingerprint
certificate-compare = Before you trust it, compare the fingerprint with the one that your help desk gives you by another way.
certificate-trusted = This browser trusts the authority.
certificate-trusted-next = Nothing more is needed here. The steps below are for other devices and browsers.
certificate-unknown = This browser does not trust the authority yet.
certificate-unknown-next = Follow the steps below, then reload this page. If this stays, the browser may not use the proxy.
certificate-der = Download for Windows, macOS and Android
certificate-pem = Download for Linux and Firefox (PEM)
certificate-profile = Download for iPhone, iPad and Mac (profile)
certificate-several = One authority is about to follow another. Install both certificates: whichever comes first, this device goes on trusting the proxy.
certificate-install = How to install it

system-windows = Windows
    .steps =
        Download the first file and open it.
        Choose Install Certificate, then Current User (or Local Machine for everybody on this computer).
        Choose “Place all certificates in the following store”, then Trusted Root Certification Authorities.
        Finish, confirm the fingerprint, and start the browser again.
system-macos = macOS
    .steps =
        Download the first file and open it. Keychain Access adds it to the login keychain.
        Double-click it there, open Trust, and set “When using this certificate” to Always Trust.
        Close the window and enter your password.
system-ios = iPhone and iPad
    .steps =
        Open this page in Safari and download the profile. Allow the download.
        In Settings, open General, then VPN & Device Management, choose the profile and install it.
        In Settings, open General, About, Certificate Trust Settings, and switch full trust on for it.
system-android = Android
    .steps =
        Download the first file.
        In Settings, search for “CA certificate”, or open Security, Encryption & credentials, Install a certificate.
        Choose CA certificate, confirm, and pick the downloaded file. The names of these menus differ between makers.
system-debian = Linux: Debian and Ubuntu
    .steps =
        Download the PEM file (if there are two, both), then run in its folder:
        $ for file in authority*.pem; do sudo cp "$file" "/usr/local/share/ca-certificates/$file.crt"; done
        $ sudo update-ca-certificates
        Chromium has a store of its own:
        $ for file in authority*.pem; do certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "$file" -i "$file"; done
system-fedora = Linux: Fedora and Red Hat
    .steps =
        Download the PEM file (if there are two, both), then run in its folder:
        $ sudo cp authority*.pem /etc/pki/ca-trust/source/anchors/
        $ sudo update-ca-trust
system-firefox = Firefox, on any system
    .steps =
        Download the PEM file. If there are two, do this for both.
        In Settings, open Privacy & Security, Certificates, View Certificates, and the tab Authorities.
        Choose Import, pick the file, and tick “Trust this CA to identify websites”.

## Devices with names of their own

devices-title = Your devices
devices-lead = A device that calls the proxy by a name of its own is known as yours wherever several people share one address, and nothing is decrypted for that.
devices-none = You have no such device yet.
devices-used = last used { $moment }
devices-unused = not used yet
devices-places = good on { $places }
devices-until = ends { $moment }, unless you sign in on it before
devices-signed-out = sign in on it
devices-again = New address
devices-remove = Remove
devices-wire = Its name can be read on the way to the proxy, so it is good only on networks on which you have used it. On another one you are asked to sign in once.
devices-full = You have as many devices as one person may have: remove one before you add another.
devices-removed = The device is removed. Whoever uses its name is asked to sign in.
devices-make = Add a device
devices-name = What do you call it?
devices-hint = For you to recognise it by, such as: office laptop.
devices-button = Make its address

setup-title = Set up { $device }
setup-lead = Give the device this address as the address of its automatic proxy configuration (PAC), by hand or with one of the files below:
setup-secret = This address is shown for an hour only, and it is a secret: whoever uses it passes for you. If it gets lost, make a new one on the page of your devices.
setup-files = Set-up files
setup-download = Download
setup-download-certificate = Download with the certificate
setup-trust = The device must trust the certificate of the proxy. If it cannot connect, the certificate is missing:
setup-back = To your devices
setup-windows = Windows
    .steps =
        Download the file, open it, and confirm that it may change the settings.
        Close the browser and open it again. Edge, Chrome and most programs take the address from there.
        To undo it, open “Proxy settings” and switch “Use setup script” off.
setup-apple = macOS, iPhone and iPad
    .steps =
        On a Mac, download the profile, open it, and install it in the system settings under “Profiles”.
        An iPhone or iPad takes a proxy for all networks only if your organisation manages it. Otherwise open “Wi-Fi” in the settings, the network, “Configure Proxy”, “Automatic”, and enter the address.
        With the certificate, switch it on under “General”, “About”, “Certificate Trust Settings” as well.
setup-linux = Linux: GNOME and KDE
    .steps =
        Download the script and run it in your own session:
        $ sh vestibule-proxy.sh
        To undo it, choose “Disabled” or “No proxy” in the network settings.
setup-terminal = Terminal: curl, git and others
    .steps =
        Download the file and read it into your shell; programs that can speak TLS to a proxy use it then:
        $ . ./vestibule-proxy.env
        To undo it, close the shell.
setup-firefox = Firefox
    .steps =
        Download policies.json and put it into the folder “distribution” beside the program, or on Linux into /etc/firefox/policies.
        With the certificate, put authority.pem (or authority-1.pem and authority-2.pem) into ~/.mozilla/certificates on Linux; on Windows and macOS Firefox takes it from the system.
        Or enter the address in the settings under “Network Settings”, “Automatic proxy configuration URL”.
setup-chromium = Chromium, Chrome and Edge on Linux
    .steps =
        Download the policy and put it into the folder of your browser:
        $ sudo install -Dm644 vestibule-proxy.json /etc/chromium/policies/managed/vestibule-proxy.json
        For Chrome the folder is /etc/opt/chrome/policies/managed, for Edge /etc/opt/edge/policies/managed.

## The proxy's own address

home-title = This is a proxy
home-lead = Browsers go to the internet through it. There is nothing else to see at this address.
home-pac = Automatic proxy configuration
home-pac-lead = Enter this address as the automatic configuration (PAC) address of the device or browser:
home-portal = Open the portal

## Plain text for tools

tool-sign-in = Sign-in required
    .what = Nobody is signed in on this device, and this request cannot be sent to a sign-in page.
    .next = Open the portal in a browser on this device and sign in, then try again.
tool-sign-in-again = A fresh sign-in is required
    .what = You signed in too long ago for this destination, and this request cannot be sent to a sign-in page.
    .next = Open the address below in a browser in which you are signed in, and prove who you are. Then try again.
tool-too-weak = Surer evidence of who you are is required
    .what = You are known, but by something too weak for this destination, and no sign-in on this connection changes that.
    .next = Use a device that has a certificate of your organisation, over the secure proxy. Your help desk knows more.
tool-token-wanted = A token is required
    .what = You are known, but by something too weak for this destination. A personal token is strong enough.
    .next = Make a token at the address below and use it as the password of the proxy. Then try again.
tool-denied = Blocked by a rule
    .what = The rules do not allow this destination.
    .next = If you need it for your work, ask your help desk and tell them the request ID.
tool-warned = A warning has to be read first
    .what = A rule warns of this destination, and this request cannot show the warning.
    .next = Open the address below in a browser in which you are signed in, read the warning there, and go on. Then try again.
tool-overridable = Blocked by a rule
    .what = The rules do not allow this destination, unless somebody overrides that.
    .next = If you may open it, open the address below in a browser in which you are signed in. Then try again.
tool-place = Destination:
tool-portal = Portal:

## What a rule puts before a site

warning-title = Before you go on
warning-lead-place = Please read this before you open
warning-lead = Please read this first.
warning-plain = Your organisation wants you to think twice before you open this site.
warning-rule = Rule
warning-go-on = I have read this: go on
warning-remember = You will not be asked again for { $time }.
warning-leave = If you do not want to go on, close this page.
span-minutes = { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
  }
span-hours = { $hours ->
    [one] { $hours } hour
   *[other] { $hours } hours
  }
override-lead = A rule blocks what you were about to open.
override-title = Open it for a while
override-password-lead = Whoever knows the password can open it for { $time }.
override-member-lead = You may open it for { $time }.
override-password = Password
override-reason = Why do you need it?
override-reason-hint = Your administrators will read this.
override-open = Open
override-recorded = Your name, the site and the time are recorded.
override-wrong = This is not the password.
override-no-reason = Say why you need it.
override-too-many = There have been too many attempts. Wait ten minutes, then try again.
weak-title = This site needs a surer sign-in
weak-lead = is open only where it is certain who you are.
weak-rule = Wanted by
weak-why = You are signed in, but on this connection somebody else could pass for you. Signing in again does not change that.
weak-secure = This site opens on devices that have a certificate of your organisation and use the secure proxy.

## Asking for a review

review-title = Ask for this site
review-lead = Whoever looks after the rules will be told.
review-site = Site
review-why = What do you need it for?
review-why-hint = You can leave this empty.
review-told = Your request has been sent
review-told-lead = Whoever looks after the rules knows now that you need { $site }.
review-told-next = Nothing has changed yet. You can close this page.
review-not-told = Your request could not be sent
review-not-told-lead = The service that takes such requests does not answer.
review-not-told-next = Try again later, or tell your help desk the rule and the request ID.

## Test SSO, for operators

test-title = Test SSO: { $realm }
test-lead = This runs one sign-in that changes nothing: nobody is signed in, and you see everything that was sent and checked.
test-waits = This realm stays off until a test has passed.
test-entity = Our entity ID
test-acs = Reply URL (ACS)
test-issuer = Identity provider
test-begin = Begin the test
test-again = Test again
test-errors = If the identity provider shows an error
test-errors-lead = Some errors of Microsoft Entra ID stay on its own page and never come back here. What to change:
test-good = The test has passed
test-good-lead = People of { $realm } can sign in with these settings. Nobody was signed in by this test.
test-bad = The test has failed
test-bad-lead = Nobody of { $realm } could sign in with these settings. What to change stands beside each check that failed.
test-switched-on = The realm was waiting for this test. It is switched on now.
test-checks = Checks
test-passed = passed
test-failed = failed
test-not-reached = not reached
test-found = found
test-certificates = Certificates
test-certificate-message = in the message
test-certificate-trusted = configured here
test-claims = Claims
test-claim = Claim
test-value = Value
test-becomes = Becomes
test-unused = left out
test-messages = Messages
test-request = What was asked (AuthnRequest)
test-response = What was answered (Response)
test-assertion = What was encrypted (Assertion)
test-masked = Signatures, digests and certificates are left out, so that what you copy from this page signs nobody in.

check-age = It came to an address of this realm, and in time
    .wanted = wanted
    .cure = Begin the test again. If it fails again, the reply URL at the identity provider is one that this realm does not list in acs or acs_aliases.
check-shape = It is a SAML Response of the usual shape
    .wanted = wanted
    .cure = The message is not what an identity provider sends, or holds parts that this portal refuses. Does something on the way change it? If it is encrypted for a key that is not configured here, remove the certificate under Token encryption.
    .algorithm = It is signed or encrypted with an algorithm that is too weak, such as SHA-1. In Entra: Single sign-on, SAML Certificates, Edit, Signing Algorithm: SHA-256. Elsewhere: choose SHA-256 as the signature algorithm and as the digest algorithm.
check-version = SAML 2.0
    .wanted = wanted
    .cure = Set the identity provider to SAML 2.0.
check-destination = It was sent to this address (Destination)
    .wanted = wanted
    .cure = At the identity provider, set the Reply URL to the address that is wanted here, letter for letter. In Entra: Single sign-on, Basic SAML Configuration.
check-issuer = It comes from the configured identity provider (Issuer)
    .wanted = wanted
    .cure = The metadata or the issuer of this realm belong to another identity provider or tenant. Copy Microsoft Entra Identifier with its slash at the end, or download the metadata of this application again.
check-request = It answers our request (InResponseTo)
    .wanted = wanted
    .cure = The Response was made for another request, or for none. Begin the test with the button, not with a tile at the identity provider.
check-issued = It was made just now (IssueInstant)
    .wanted = time here
    .cure = It is dated in the future, or before our request. The clocks differ by more than a minute: set the clock of this machine, and that of the identity provider, by NTP.
check-status = The identity provider says that it went well (Status)
    .wanted = wanted
    .cure = The identity provider gives its reason above.
check-signature = Both verifiers find it signed by a configured certificate
    .wanted = wanted
    .cure = Neither the Response nor the Assertion is signed, or the signature does not hold. In Entra, any Signing Option will do, with Signing Algorithm SHA-256.
    .algorithm = It is signed or encrypted with an algorithm that is too weak, such as SHA-1. In Entra: Single sign-on, SAML Certificates, Edit, Signing Algorithm: SHA-256. Elsewhere: choose SHA-256 as the signature algorithm and as the digest algorithm.
    .foreign = It was signed with a certificate that is not configured here: compare the thumbprints below. In Entra, under SAML Certificates, the active certificate has another thumbprint than yours: download Federation Metadata XML or Certificate (Base64) again and put it into this realm's metadata or certificate.
check-assertion = The Assertion is complete
    .wanted = wanted
    .cure = The Assertion lacks a part that the Web Browser SSO profile wants, such as Conditions, a bearer confirmation or an AuthnStatement.
check-assertion-issuer = The Assertion comes from the configured identity provider
    .wanted = wanted
    .cure = The metadata or the issuer of this realm belong to another identity provider or tenant.
check-assertion-issued = The Assertion was made just now (IssueInstant)
    .wanted = time here
    .cure = It is dated in the future, or before our request. The clocks differ by more than a minute: set the clock of this machine, and that of the identity provider, by NTP.
check-validity = It is valid now (Conditions)
    .wanted = time here
    .cure = The Assertion is not valid yet, or not any more. Set the clock of this machine by NTP.
check-audience = It is meant for us (Audience)
    .wanted = wanted
    .cure = At the identity provider, set Identifier (Entity ID) to what is wanted here, letter for letter, or change entity_id of this realm.
check-authentication = The person has proven who they are, and that still counts
    .wanted = time here
    .cure = The clocks differ, or the identity provider's session is over. Sign out there and test again.
check-context = The person signed in in a way that is asked for (AuthnContext)
    .wanted = wanted one of
    .cure = Have the identity provider ask for one of the wanted ways, or list the one that was found in authn_context of this realm, or remove authn_context: then any way will do.
check-anew = The person was asked anew (ForceAuthn)
    .wanted = asked at
    .cure = The identity provider answered with a sign-in from before the request. Have it honour ForceAuthn, or remove force_authn from this realm. If it did ask, the clocks differ by more than a minute.
check-confirmation = It may be presented here and now (Recipient)
    .wanted = wanted
    .cure = At the identity provider, set the Reply URL to the address that is wanted here, letter for letter. If that is so already, the clocks differ.
check-identity = The claims name somebody
    .wanted = wanted one of
    .cure = None of the identity_claims of this realm is there, or one is empty, doubled, or belongs to another tenant. In Entra: Attributes & Claims, Add new claim, with an empty namespace. Or name one of the claims that were found in identity_claims. People whom only the NameID names are named by identity_claims = ["NameID"].

check-domain = The realm speaks for the domain of that name
    .wanted = wanted one of
    .cure = The name is in a domain that is not one of this realm's. If it is one of its own, add it to domains of this realm. If it is a guest's, add it to foreign_names, or send a claim with the name that guests have in the tenant.

field-name = the name in records and rules
field-id = the unchanging identifier
field-display-name = the name for people to read
field-sam-account-name = sAMAccountName
field-upn = UPN
field-email = mail address
field-groups = groups
field-too-many-groups = groups not known (more than 150)
field-tenant = the required tenant

entra-50011 = The reply URL is not registered. Entra: Enterprise applications, your application, Single sign-on, Basic SAML Configuration, Reply URL: add { $acs }
entra-50058 = Entra was asked to sign somebody in without showing a page, and nobody was signed in. Begin again; if it goes on, the browser blocks cookies of login.microsoftonline.com.
entra-50105 = The person is not assigned to the application. Entra: Enterprise applications, your application, Users and groups, Add user/group. Or Properties, Assignment required?, No.
entra-700016 = There is no application with our entity ID in this tenant. Entra: Single sign-on, Basic SAML Configuration, Identifier (Entity ID): { $entity } – or set entity_id of this realm to what stands there. If the identifier is right, login_url belongs to another tenant.
entra-75011 = The way of signing in is not the one that we asked for. Remove authn_context from this realm: people who use Windows Hello, a certificate or a key could not sign in with it.
entra-900236 = Entra takes no Subject in a request. We send none: something between this portal and Entra has changed the request, or another product has sent it.
entra-7500529 = The request's ID begins with a digit. Ours never does: something between this portal and Entra has changed the request, or another product has sent it.

## Tools and terminals

tokens-count = { $count ->
    [one] { $count } tool or terminal signed in
   *[other] { $count } tools and terminals signed in
  }
tokens-title = Tools and terminals
tokens-lead = Programs such as git, curl or pip cannot show a sign-in page. Here you let them through the proxy in your name.
tokens-list = Signed in
tokens-account = Everything here counts as
tokens-none = No tool and no terminal is signed in.
tokens-terminal = Terminal
tokens-made = Made
tokens-expires = Expires
tokens-last-use = Last used
tokens-never = never
tokens-networks = From
tokens-destinations = For
tokens-revoke = Revoke …
tokens-revoke-lead = Whatever uses it is cut off at once. This cannot be undone.
tokens-revoke-now = Revoke { $name }
tokens-sign-in-terminal = Sign a terminal in
tokens-sign-in-terminal-lead = For the window in which you type commands. Run this line there, then approve it here. Nothing has to be copied back, and nothing is left in a file.
tokens-new = Make a token
tokens-new-lead = For scripts and servers that run without you. A token is a long password for one program.
tokens-what = What is a token?
tokens-what-text =
    A program shows its token to the proxy instead of a sign-in page, and is let through in your name. It is good for nothing else: nobody can open your account or your mail with it.
    Whoever has it acts in your name, so make one for each purpose, limit it, and keep it as you keep a password. It ends by itself, and you can revoke it here at any time.
tokens-note-revoked = It is revoked, and whatever used it is cut off.
tokens-note-no-terminal = No terminal asks with this code. It is good for ten minutes and once: ask for a new one in the terminal.
tokens-note-shown = A token is shown once. If you did not copy it, revoke it and make another one.

token-name = Name
token-name-hint = What it is for, such as build server
token-lifetime = Good for
token-days = { $days ->
    [one] { $days } day
   *[other] { $days } days
  }
token-limits = Limit where and for what it works
token-networks = Where it may be used
token-networks-hint = Empty for everywhere; or networks, addresses and ranges, with commas between them. You are at { $client }, on the network { $network }.
token-destinations = What it may be used for
token-destinations-hint = Empty for everything; or destinations such as pypi.org, with all hosts below it
token-make = Make the token
token-mistake-name = Give it a name by which you will know it.
token-mistake-network = { $entry } is neither an address or a range nor the name of a network here.
token-mistake-destination = { $entry } is no destination: write the host alone, such as pypi.org.
token-mistake-many = There are more than twenty entries.
token-mistake-full = { $most ->
    [one] You have { $most } token already, and nobody has more: revoke it first.
   *[other] You have { $most } tokens already, and nobody has more: revoke one first.
  }

new-token-title = Your new token
new-token-lead = Copy it now: it is shown once, and nobody can show it again.
new-token-lines = Ready to copy
new-token-lines-lead = Whoever can read the file or the environment that it is in can use it.
new-token-done = Done
token-for-shell = Linux, macOS: everything in a shell
    .where = In ~/.profile, or in the shell itself
token-for-curl = curl
    .where = On the command line; the lines for the shell work, too
token-for-wget = wget
    .where = On the command line, or https_proxy in ~/.wgetrc
token-for-git = git
    .where = Over https
token-for-pip = pip
    .where = For your account
token-for-npm = npm
    .where = For your account
token-for-apt = apt
    .where = In a file such as /etc/apt/apt.conf.d/80proxy that only root may read (chmod 600)
token-for-docker = docker
    .where = In ~/.docker/config.json, for containers; dockerd itself takes HTTPS_PROXY in its unit
token-for-powershell = PowerShell
    .where = In the session, or in $PROFILE
token-for-other = Anything else
    .where = Host, port, name and password of the proxy

terminal-title = Is this your terminal?
terminal-lead = A terminal asks to be signed in as you. It must show this code:
terminal-elsewhere = This terminal is at another address than this browser. Approve it only if you know why.
terminal-address = Address
terminal-tool = Tool
terminal-asked = Asked
terminal-means = If you approve, whoever sits at that terminal uses the internet as { $account } until { $moment }, or until you sign out here.
terminal-warning = Approve only what you have just started yourself. If somebody sent you this address, refuse.
terminal-approve = Approve
terminal-refuse = Refuse
terminal-decided-good = Your terminal is approved
terminal-decided-approved = Approved. Your terminal goes on in a moment; you can close this page.
terminal-decided-bad = The terminal is refused
terminal-decided-refused = Refused. The terminal was told so; you can close this page.
terminal-decided-list = All tools and terminals

terminal-open = Open this address in a browser in which you are signed in, or sign in there:
terminal-compare = It must show the code { $code }. Approve it there.
terminal-plain = This is no script. Without TLS anybody on the way could write what your shell runs, and read the token. Ask the portal, through the proxy:
terminal-authority = The file { $file } is the certificate of this proxy's authority: download it in your browser at { $place }, or ask your help desk. Do not use -k instead: nothing would be proven then.
terminal-waiting = Waiting (Ctrl-C ends it) …
terminal-approved = Signed in as { $account } until { $moment }.
terminal-refused = The terminal was refused.
terminal-unknown = The code is not good any more, or was made at another address. Start again.
terminal-away = Nobody can sign in at the moment: the store of sessions does not answer. Try again later.

tool-unknown = The proxy has to know who is asking, and this tool has no token.
tool-terminal = To sign this terminal in, open this address in a browser:
tool-terminal-code = Compare the code { $code } there and approve it. Then run here:
tool-token = For scripts, make a token and use it as the password of the proxy:
tool-token-unknown = The token or password for the proxy is not good.
tool-token-expired = The token has expired.
tool-token-revoked = The token has been revoked.
tool-token-person = The token belongs to somebody else than the name in front of it. Use the name “token”.
tool-token-network = The token is not for the network that this machine is on.
tool-token-destination = The token is not for this destination.
tool-token-too-many = There were too many wrong tokens from this address. Wait a minute.
tool-token-away = Tokens cannot be looked up at the moment. Try again later.

## Consent of an administrator of a tenant

consent-granted = Permission was granted
consent-granted-lead = The application of the directory { $directory } may do now what it asks for.
consent-granted-next = The directory is read now. You can close this page.
consent-refused = Permission was not granted
consent-refused-lead = The application of the directory { $directory } was not given what it asks for:
consent-refused-next = Ask for a new link, and have an administrator open it who may grant consent.
consent-stale = This link is no longer valid
consent-stale-lead = The answer came too late, or was not asked for. Nothing has changed here.
