// What the pages, frames and workers of the practice sites load from one another. Each address says whose browser it is and
// what kind of load: /WHO/KIND/PLACE. It is served as the script of a page or frame, and as each kind of worker.
"use strict";

const [, who, own, place] = location.pathname.split("/");
const plain = location.protocol === "http:";
const here = location.origin;
// On a slow machine that does much else, too. What is refused says so at once.
const patience = own === "page" ? 40000 : 20000;
const [north, east, south, west] = ["north", "east", "south", "west"].map(name => `${location.protocol}//${name}.test`);
const neighbour = `${location.protocol}//images.north.test`;

// Each load, with whether its answer came; null where the page cannot know.
const said = [];
const late = (time, what) => new Promise(done => setTimeout(() => done(what), time));

async function load(kind, site, how) {
  const url = `${site}/${who}/${kind}/${place}.${said.length}`;
  const one = { url, ok: false };
  said.push(one);
  one.ok = await Promise.race([how(url), late(patience, false)]).catch(() => false);
}

const came = answer => answer.type === "opaque" ? null : answer.ok;
const fetched = options => url => fetch(url, options).then(async answer => (await answer.text(), came(answer)));
const without = fetched({ credentials: "omit" });
const withThem = fetched({ credentials: "include" });
const asking = fetched({ method: "PUT", headers: { "X-Practice": "1" }, body: "x" });

// What both documents and workers can do.
const everywhere = () => [
  load("fetch", east, without),
  load("fetch-with-cookies", west, withThem),
  load("fetch-after-preflight", south, asking),
  load("fetch", here, fetched({})),
];

const element = (name, fields) => new Promise(done => {
  const made = Object.assign(document.createElement(name), fields);
  made.onload = () => done(true);
  made.onerror = () => done(false);
  document.head.append(made);
});
const image = url => new Promise(done => {
  const made = new Image();
  made.onload = () => done(true);
  made.onerror = () => done(false);
  made.src = url;
});
const font = url => new FontFace("practice", `url(${url})`).load().then(() => true);

// Frames say that they are here, and at last what they have loaded.
const frames = new Map();
const hear = ({ data }) => frames.get(data.path)?.(data);
const framed = show => url => new Promise(done => {
  let isHere = false;
  frames.set(new URL(url).pathname, data => {
    isHere = true;
    late(30000).then(() => done(true));
    if (data.said) {
      said.push(...data.said);
      done(true);
    }
  });
  // What is shown in its place has been loaded, too, and says nothing.
  show(url, () => late(4000).then(() => isHere || done(false)));
});
const nested = (name, fields) => framed((url, onload) => {
  const made = Object.assign(document.createElement(name), fields, { onload, onerror: onload });
  made[name === "object" ? "data" : "src"] = url;
  document.body.append(made);
});
const posted = framed((url, onload) => {
  const made = Object.assign(document.createElement("iframe"), { name: "posted" });
  const form = Object.assign(document.createElement("form"), { method: "post", action: url, target: "posted" });
  made.onload = () => {
    made.onload = onload;
    form.submit();
  };
  document.body.append(form, made);
});

function talk(port, fields) {
  return new Promise(done => {
    port.onmessage = ({ data }) => {
      said.push(...data.said);
      done(true);
    };
    Object.assign(fields, { onerror: () => done(false) });
  });
}
const worker = url => {
  const made = new Worker(url);
  return talk(made, made);
};
const shared = url => {
  const made = new SharedWorker(url);
  return talk(made.port, made);
};
async function service(url) {
  const found = await navigator.serviceWorker.register(url, { scope: `/${who}/kept/` });
  const made = found.installing ?? found.waiting ?? found.active;
  const channel = new MessageChannel();
  const answer = talk(channel.port1, {});
  made.postMessage("go", [channel.port2]);
  await answer;
  while (made.state !== "activated") await new Promise(done => made.onstatechange = done);
  return true;
}

const socket = url => new Promise(done => {
  const made = new WebSocket(url.replace(/^http/, "ws"));
  made.onmessage = () => { done(true); made.close(); };
  made.onerror = made.onclose = () => done(false);
});
const events = fields => url => new Promise(done => {
  const made = new EventSource(url, fields);
  made.onmessage = () => { done(true); made.close(); };
  made.onerror = () => { done(false); made.close(); };
});
const beacon = async url => navigator.sendBeacon(url, "x") && null;
const prefetched = async url => {
  document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", href: url }));
  return null;
};

const inPage = () => [
  load("image", here, image), load("image", neighbour, image), load("image", east, image), load("image", south, image),
  load("script", south, url => element("script", { src: url })),
  load("module", east, url => element("script", { type: "module", src: url })),
  load("style", west, url => element("link", { rel: "stylesheet", href: url })),
  load("font", south, font), load("font", here, font),
  load("fetch-opaque", south, fetched({ mode: "no-cors" })),
  load("fetch-with-cookies", neighbour, withThem),
  load("hop-2-fetch", north, without), load("hop-1-image", east, image),
  load("frame", neighbour, nested("iframe", {})), load("frame", east, nested("iframe", {})),
  load("frame-in-sandbox", west, nested("iframe", { sandbox: "allow-scripts" })),
  load("object", south, nested("object", { type: "text/html" })),
  load("frame-by-form", west, posted),
  load("worker", here, worker), load("shared-worker", here, shared),
  ...(navigator.serviceWorker ? [load("service-worker", here, service)] : []),
  load("socket", south, socket),
  // A secure one can stand in a page that is not.
  ...(plain ? [load("socket", "https://east.test", socket)] : []),
  load("events", west, events({})), load("events-with-cookies", east, events({ withCredentials: true })),
  load("beacon", west, beacon), load("fetch-on-leaving", south, fetched({ keepalive: true })),
  load("prefetch", here, prefetched), load("prefetch", east, prefetched),
];

const inFrame = () => [load("image", here, image), load("image", south, image), load("font", west, font)];

if (typeof document === "object") {
  addEventListener("message", hear);
  const isFrame = parent !== self;
  const tell = more => isFrame && parent.postMessage({ path: location.pathname, ...more }, "*");
  const start = async () => {
    tell({});
    await Promise.all([...everywhere(), ...(own === "page" ? inPage() : inFrame())]);
    tell({ said });
    self.loads = said;
  };
  addEventListener("DOMContentLoaded", start);
} else {
  const work = async port => {
    await Promise.all(everywhere());
    port.postMessage({ said });
  };
  if (own === "worker") work(self);
  addEventListener("connect", event => work(event.ports[0]));
  addEventListener("install", () => skipWaiting());
  addEventListener("message", event => event.ports[0] && event.waitUntil(work(event.ports[0])));
  addEventListener("fetch", event => event.respondWith(fetch(event.request)));
}
