// The standard proxy configuration of Vestibule.
//
// Before this text, one variable is defined, `vestibule`, made for each network:
//   proxy           the answer that names the proxies, such as "PROXY a.example:8080; PROXY b.example:8080"
//   portal, idp     lists of host names: the sign-in portal, and the identity provider
//   portal_direct, idp_direct, private_direct
//                   whether these are reached without the proxy
//   skip_hosts      names that never use the proxy; one that begins with "." stands for all names that end with it
//   skip_nets       address ranges that never use the proxy: pairs of 8 or 2 16-bit groups, and a prefix length
//   private_names, private_nets
//                   names and address ranges that only private networks know
//
// Nothing here asks the DNS. What is not understood goes to the proxy, never around it.

function FindProxyForURL(url, host) {
    host = String(host).toLowerCase().replace(/^\[|\]$/g, "").replace(/\.+$/, "");
    if (contains(vestibule.portal, host)) { return vestibule.portal_direct ? "DIRECT" : vestibule.proxy; }
    if (contains(vestibule.idp, host)) { return vestibule.idp_direct ? "DIRECT" : vestibule.proxy; }

    var address = groups(host);
    var direct = address
        ? inNets(address, vestibule.skip_nets) || (vestibule.private_direct && inNets(address, vestibule.private_nets))
        : inHosts(host, vestibule.skip_hosts) || (vestibule.private_direct && isPrivateName(host));
    return direct ? "DIRECT" : vestibule.proxy;
}

// A name without a dot, or one that only a private network knows. "0x7f1" and "2130706433" are numbers, not names.
function isPrivateName(host) {
    if (host.indexOf(".") < 0) { return /^[a-z0-9_-]*[a-z_-][a-z0-9_-]*$/.test(host) && !/^0x/.test(host); }
    return inHosts(host, vestibule.private_names);
}

function contains(list, host) {
    for (var i = 0; i < list.length; i++) { if (list[i] === host) { return true; } }
    return false;
}

function inHosts(host, list) {
    for (var i = 0; i < list.length; i++) {
        var name = list[i];
        if (name.charAt(0) !== ".") { if (host === name) { return true; } continue; }
        var rest = host.length - name.length;
        if (rest > 0 && host.indexOf(name, rest) === rest) { return true; }
    }
    return false;
}

function inNets(address, nets) {
    for (var i = 0; i < nets.length; i++) { if (inNet(address, nets[i][0], nets[i][1])) { return true; } }
    return false;
}

function inNet(address, net, bits) {
    if (address.length !== net.length) { return false; }
    for (var i = 0; i < net.length && bits > 0; i++, bits -= 16) {
        var shift = bits >= 16 ? 0 : 16 - bits;
        if (address[i] >> shift !== net[i] >> shift) { return false; }
    }
    return true;
}

// The 16-bit groups of an address literal, or null for a name.
function groups(host) {
    return host.indexOf(":") < 0 ? groups4(host) : groups6(host);
}

function groups4(host) {
    var part = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
    if (!part) { return null; }
    for (var i = 1; i <= 4; i++) { if (part[i] > 255 || /^0./.test(part[i])) { return null; } }
    return [part[1] * 256 + part[2] * 1, part[3] * 256 + part[4] * 1];
}

function groups6(host) {
    host = host.replace(/%.*$/, "");
    var tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(host);
    if (tail) {
        var four = groups4(tail[2]);
        if (!four) { return null; }
        host = tail[1] + four[0].toString(16) + ":" + four[1].toString(16);
    }
    var halves = host.split("::");
    var head = hexGroups(halves[0]), rest = hexGroups(halves.length === 2 ? halves[1] : "");
    if (!head || !rest || halves.length > 2) { return null; }
    var missing = 8 - head.length - rest.length;
    if (halves.length === 2 ? missing < 1 : missing !== 0) { return null; }
    while (missing-- > 0) { head.push(0); }
    var all = head.concat(rest);
    // ::ffff:0:0/96 is IPv4 in other clothes (RFC 4291 section 2.5.5.2).
    return inNet(all, [0, 0, 0, 0, 0, 0xffff, 0, 0], 96) ? all.slice(6) : all;
}

function hexGroups(text) {
    if (text === "") { return []; }
    var list = text.split(":");
    for (var i = 0; i < list.length; i++) {
        if (!/^[0-9a-f]{1,4}$/.test(list[i])) { return null; }
        list[i] = parseInt(list[i], 16);
    }
    return list;
}
