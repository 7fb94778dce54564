// Lets the page open where there is no network: its files from what was kept, everything else from the
// server. Answers of the API are not kept, but for names, which are the same for everybody.
const KEPT = 'spotcheck-1';
const NAMES = '/v1/reference';

self.addEventListener('install', (event) => {
  event.waitUntil(self.skipWaiting());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim());
});

/** From the server, and kept; from what was kept, where the server cannot be reached. */
async function freshOrKept(request, key) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put(key, answer.clone());
    return answer;
  } catch (error) {
    const known = await kept.match(key);
    if (known) return known;
    throw error;
  }
}

/** A file whose name changes with what it holds. */
async function keptOrFresh(request) {
  const kept = await caches.open(KEPT);
  const known = await kept.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) await kept.put(request, answer.clone());
  return answer;
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (request.method !== 'GET') return;
  if (pathname.startsWith('/console/assets/')) event.respondWith(keptOrFresh(request));
  else if (request.mode === 'navigate' && pathname.startsWith('/console/')) event.respondWith(freshOrKept(request, '/console/'));
  else if (pathname === NAMES) event.respondWith(freshOrKept(request, NAMES));
});
