// Everything through the proxy, except the sign-in portal and the identity provider where these are reached directly.
// `private_direct` and the skip list do not count here. You can begin a template of your own from this one: standard.pac
// describes the variable `vestibule`.

function FindProxyForURL(url, host) {
    host = String(host).toLowerCase().replace(/\.+$/, "");
    if (vestibule.portal_direct && contains(vestibule.portal, host)) { return "DIRECT"; }
    if (vestibule.idp_direct && contains(vestibule.idp, host)) { return "DIRECT"; }
    return vestibule.proxy;
}

function contains(list, host) {
    for (var i = 0; i < list.length; i++) { if (list[i] === host) { return true; } }
    return false;
}
