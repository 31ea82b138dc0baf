// An identity provider that is not ours: npm's samlp behind express. It signs everybody in as B.Simon, without a
// question, and does what its path says: /assertion, /response and /both sign that; /encrypted encrypts a signed
// assertion; /strict takes signed requests only. /metadata/PATH describes it.
//
// node idp.js SETTINGS, a JSON file: { tls: {cert, key}, signing: [{cert, key}, …], sp: CERT }, all of them paths.
//
// On its standard input it is told: "roll" (sign with the next key), "down" and "up" (have no metadata, have them),
// "later" (its clock goes on by five minutes).

let ahead = 0;
const System = Date;
global.Date = class extends System {
  constructor(...given) {
    if (given.length) super(...given);
    else super(System.now() + ahead);
  }
  static now() {
    return System.now() + ahead;
  }
};

const fs = require('fs');
const https = require('https');
const readline = require('readline');
const express = require('express');
const samlp = require('samlp');

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const pair = ({ cert, key }) => ({ cert: fs.readFileSync(cert, 'utf8'), key: fs.readFileSync(key, 'utf8') });
const signing = settings.signing.map(pair);
const sp = settings.sp && fs.readFileSync(settings.sp, 'utf8');
let current = 0;
let up = true;

const modes = {
  assertion: { signAssertion: true, signResponse: false },
  response: { signAssertion: false, signResponse: true },
  both: { signAssertion: true, signResponse: true },
  encrypted: {
    signAssertion: true,
    signResponse: true,
    encryptionCert: sp,
    encryptionPublicKey: sp,
    encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  },
  strict: { signAssertion: true, signResponse: false, signingCert: sp },
};

const app = express();
app.use(express.urlencoded({ extended: false }));
for (const [path, mode] of Object.entries(modes)) {
  const issuer = `urn:foreign:${path}`;
  const mail = `b.simon@${path}.test`;
  const user = { id: mail, emails: [{ value: mail }], displayName: 'B. Simon', name: { givenName: 'B.', familyName: 'Simon' }, _json: {} };
  app.all(`/${path}`, (request, response, next) => {
    const options = { signingCert: mode.signingCert, relayState: (request.query || {}).RelayState };
    samlp.parseRequest(request, options, (error, asked) => {
      if (error) return next(error);
      const acs = asked.assertionConsumerServiceURL;
      samlp.auth({
        issuer,
        ...signing[current],
        ...mode,
        destination: acs,
        recipient: acs,
        lifetimeInSeconds: 3600,
        getUserFromRequest: () => user,
        getPostURL: (audience, dom, req, done) => done(null, acs),
      })(request, response, next);
    });
  });
  app.get(`/metadata/${path}`, (request, response, next) => {
    if (!up) return response.status(503).end();
    const endpoint = { redirectEndpointPath: `/${path}`, postEndpointPath: `/${path}` };
    samlp.metadata({ issuer, cert: signing[current].cert, ...endpoint })(request, response, next);
  });
}

const server = https.createServer(pair(settings.tls), app);
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line === 'roll') current = (current + 1) % signing.length;
  if (line === 'later') ahead += 5 * 60 * 1000;
  if (line === 'down' || line === 'up') up = line === 'up';
  console.log('done');
});
// It ends with whoever started it.
lines.on('close', () => process.exit(0));
