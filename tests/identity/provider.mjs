// A real OpenID Connect provider for the tests of signing in: node provider.mjs MODULES PORT REDIRECT
// MODULES is the folder with node_modules; who signs in as NAME has the claims of NAME below.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, port, redirect] = process.argv.slice(2);
const found = createRequire(`${modules}/package.json`).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(found));

const people = {
  "officer-7": { roles: ["officer"] },
  "manager-1": { roles: ["zone_manager"], zones: ["330782-choucheng"] },
  stranger: {},
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "spotcheck",
    client_secret: "only-for-tests",
    redirect_uris: [redirect],
    response_types: ["code"],
    grant_types: ["authorization_code"],
  }],
  claims: { openid: ["sub"], profile: ["roles", "zones"] },
  // Claims stand in the ID token, as most providers can be told to do.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ["only-for-tests"] },
  async findAccount(_context, id) {
    return { accountId: id, claims: async () => ({ sub: id, ...people[id] }) };
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log(`provider ready http://127.0.0.1:${port}`));
