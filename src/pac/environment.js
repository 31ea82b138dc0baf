// What browsers give a PAC file to call. Nothing here asks the DNS: a template is tried out where there is none.
function isPlainHostName(host) { return host.indexOf(".") < 0; }
function dnsDomainIs(host, domain) {
  return host.length >= domain.length && host.substring(host.length - domain.length) === domain;
}
function localHostOrDomainIs(host, name) { return host === name || name.lastIndexOf(host + ".", 0) === 0; }
function dnsDomainLevels(host) { return host.split(".").length - 1; }
function shExpMatch(text, pattern) {
  var escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  return new RegExp("^" + escaped + "$").test(text);
}
function isResolvable(host) { return false; }
function isResolvableEx(host) { return false; }
function dnsResolve(host) { return /^[0-9.]+$/.test(host) ? host : null; }
function dnsResolveEx(host) { return ""; }
function isInNet(host, net, mask) { return false; }
function isInNetEx(host, net) { return false; }
function myIpAddress() { return "192.0.2.10"; }
function myIpAddressEx() { return "192.0.2.10"; }
function sortIpAddressList(list) { return list; }
function getClientVersion() { return "1.0"; }
function convert_addr(address) {
  var parts = address.split(".");
  return (parts[0] << 24) | (parts[1] << 16) | (parts[2] << 8) | parts[3];
}
function weekdayRange() { return false; }
function dateRange() { return false; }
function timeRange() { return false; }
function alert() {}
