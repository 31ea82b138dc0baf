// An identity provider that is not ours: npm's samlp behind express. It signs everybody in as B.Simon, without a
// question, and signs what its path says: /assertion, /response or /both.
//
// node idp.js SIGNING_CERTIFICATE SIGNING_KEY TLS_CERTIFICATE TLS_KEY

const fs = require('fs');
const https = require('https');
const express = require('express');
const samlp = require('samlp');

const [cert, key, tlsCertificate, tlsKey] = process.argv.slice(2).map((path) => fs.readFileSync(path, 'utf8'));

const app = express();
for (const [path, what] of Object.entries({
  assertion: { signAssertion: true, signResponse: false },
  response: { signAssertion: false, signResponse: true },
  both: { signAssertion: true, signResponse: true },
})) {
  const mail = `b.simon@${path}.test`;
  const user = { id: mail, emails: [{ value: mail }], displayName: 'B. Simon', name: { givenName: 'B.', familyName: 'Simon' }, _json: {} };
  app.get(`/${path}`, (request, response, next) => {
    samlp.parseRequest(request, (error, asked) => {
      if (error) return next(error);
      const acs = asked.assertionConsumerServiceURL;
      samlp.auth({
        issuer: `urn:foreign:${path}`,
        cert,
        key,
        ...what,
        destination: acs,
        recipient: acs,
        lifetimeInSeconds: 300,
        getUserFromRequest: () => user,
        getPostURL: (audience, dom, req, done) => done(null, acs),
      })(request, response, next);
    });
  });
}

const server = https.createServer({ cert: tlsCertificate, key: tlsKey }, app);
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
