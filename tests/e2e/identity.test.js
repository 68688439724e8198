// One identity in two places: an update that overlaps, and a disk that was copied.
'use strict'

const fs = require('fs')
const path = require('path')
const t = require('../support/harness')

/** A copy of an identity, as on a machine of its own: its state, and with that its locks, are elsewhere. */
function elsewhere (identity, name) {
  const home = path.join(t.scratch, name)
  fs.mkdirSync(home, { recursive: true })
  const copy = path.join(home, 'identity')
  fs.copyFileSync(identity, copy)
  fs.chmodSync(copy, 0o600)
  return { identity: copy, env: { XDG_STATE_HOME: home, XDG_RUNTIME_DIR: home } }
}

async function setting (name) {
  const network = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const identity = path.join(t.scratch, name)
  const { stdout } = await t.run(['keygen', '--identity', identity])
  const expose = (identity, env) => t.hsfwd(
    ['expose', String(hello.port), '--identity', identity, '--bootstrap', network.bootstrap, '--json'], { env })
  const found = async () => (await t.run(['lookup', stdout.trim(), '--bootstrap', network.bootstrap])).code === 0
  return { identity, expose, found }
}

t.test('an update that starts the new instance before the old one ends: found again within five seconds', async () => {
  const s = await setting('rolling')
  const before = s.expose(s.identity)
  await before.event('reachability', { matches: (e) => e.reachable })
  const place = elsewhere(s.identity, 'rolling-new')
  const after = s.expose(place.identity, place.env)
  await after.event('reachability', { matches: (e) => e.reachable })
  await before.kill('SIGTERM')
  await t.until(s.found, 'the key to be found', 5000)
})

t.test('a new installation with a copy of the identity waits for the old one on the same machine', async () => {
  const s = await setting('replaced')
  const before = s.expose(s.identity)
  await before.event('listening')
  const copy = path.join(t.scratch, 'replaced-copy')
  fs.copyFileSync(s.identity, copy)
  fs.chmodSync(copy, 0o600)
  const after = s.expose(copy)
  await t.until(() => /waiting up to 15 s/.test(after.stderr), 'a word of whom it waits for')
  await before.kill('SIGTERM')
  await after.event('listening', { timeout: 5000 })
  t.ok(await s.found(), 'found')
})

t.test('two machines with one identity both say so within a minute', async () => {
  const s = await setting('cloned')
  const first = s.expose(s.identity)
  await first.event('reachability', { matches: (e) => e.reachable })
  const place = elsewhere(s.identity, 'cloned-disk')
  const second = s.expose(place.identity, place.env)
  for (const program of [first, second]) {
    await program.event('reachability', { matches: (e) => e.shared, timeout: 60000 })
    await t.until(() => /another program also serves [a-z0-9]{52}.*hsfwd keygen/.test(program.stderr), 'the advice')
  }
})
