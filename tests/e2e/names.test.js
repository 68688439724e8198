// SPDX-License-Identifier: Apache-2.0
// What peers are called, in place of their keys.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

let homes = 0
/** The environment of somebody who has no names yet. */
function somebody () {
  const home = path.join(t.scratch, `names-${homes++}`)
  fs.mkdirSync(path.join(home, 'hsfwd'), { recursive: true })
  return { env: { XDG_CONFIG_HOME: home }, folder: path.join(home, 'hsfwd') }
}

async function keyOf (name) {
  return (await t.run(['keygen', '--name', name, '--json'])).program.events[0]
}

t.test('a name is given, listed, used and taken back', async () => {
  const { env, folder } = somebody()
  const home = await keyOf('names-home')
  const other = await keyOf('names-other')
  const hsfwd = (...words) => t.run([...words], { env })
  t.equal((await hsfwd('peers', 'add', 'home', home.key)).stdout.trim(), `home is ${home.key}`, 'add')
  t.equal(fs.readFileSync(path.join(folder, 'peers.d', 'home'), 'utf8'), `${home.key}\n`, 'its file')
  t.equal((await hsfwd('peers', 'add', 'home', home.publicKey)).code, 0, 'the same again')
  const said = async (name) => (await hsfwd('peers', 'add', name, home.key)).stdout.trim()
  t.equal(await said('work'), `work is ${home.key}, also called home; events and lists call it home`, 'a second name')
  t.equal(await said('attic'), `attic is ${home.key}, also called home, work; events and lists call it attic`, 'a third one')
  for (const name of ['work', 'attic']) t.equal((await hsfwd('peers', 'remove', name)).code, 0, `remove ${name}`)
  const taken = await hsfwd('peers', 'add', 'home', other.key)
  t.equal(taken.code, 1, 'another key')
  t.ok(taken.stderr.includes(`home is ${home.key} already, in ${path.join(folder, 'peers.d', 'home')}`), taken.stderr)
  fs.writeFileSync(path.join(folder, 'hsfwd.toml'), `[peer.vps]\nkey = "${other.key}"\n[[connect]]\npeer = "home"\nlisten = "0"\n`)
  fs.writeFileSync(path.join(folder, 'peers.d', '.home.swp'), 'rubbish')
  const { peers } = (await hsfwd('peers', 'names', '--json')).program.events[0]
  t.equal(peers.map((p) => `${p.name} ${p.key}`).join(), `home ${home.key},vps ${other.key}`, 'names')
  t.equal((await hsfwd('check')).code, 0, 'a file may use a name of the folder beside it')
  t.equal((await hsfwd('peers', 'remove', 'vps')).code, 1, 'one of the file is left alone')
  t.equal((await hsfwd('peers', 'remove', 'home')).stdout.trim(), `home was ${home.key}`, 'remove')
  t.equal((await hsfwd('peers', 'remove', 'home')).code, 1, 'it is gone')
  for (const [name, key] of [['../home', home.key], ['.home', home.key], ['a b', home.key], [home.key, home.key], ['x', 'nokey'], ['x', 'vps'], ['', home.key]]) {
    t.equal((await hsfwd('peers', 'add', name, key)).code, 2, `add '${name}' ${key}`)
  }
  t.equal((await hsfwd('peers', 'add', '--', '-x', home.key)).code, 2, 'what would be an option')
  t.equal(fs.readdirSync(path.join(folder, 'peers.d')).join(), '.home.swp', 'what is there after that')
})

t.test('a name is who is meant, or refused', async () => {
  const { env, folder } = somebody()
  const { key } = await keyOf('names-meant')
  const { key: other } = await keyOf('names-other-one')
  const file = path.join(folder, 'peers.d', 'home')
  t.equal((await t.run(['peers', 'add', 'home', key], { env })).code, 0, 'a name')
  t.equal((fs.statSync(file).mode & 0o777).toString(8), '644', 'a key is no secret')
  t.equal((fs.statSync(path.dirname(file)).mode & 0o777).toString(8), '755', 'nor is the folder')
  t.equal((await t.run(['peers', 'add', 'shared', `hs://s000${key}`], { env })).code, 0, 'a secret')
  t.equal((fs.statSync(path.join(folder, 'peers.d', 'shared')).mode & 0o777).toString(8), '600', 'is kept')
  const names = async () => (await t.run(['peers', 'names', '--json'], { env })).program
  const shared = (await names()).events[0].peers.find((peer) => peer.name === 'shared').key
  const without = await t.run(['peers', 'add', 'shared', shared], { env })
  t.ok(without.code === 1 && /already, in .*shared, with its secret$/m.test(without.stderr), without.stderr)
  t.ok(!(await names()).stderr.includes('left out'), 'nothing is wrong')
  for (const who of [file, path.dirname(file)]) {
    const { mode } = fs.statSync(who)
    fs.chmodSync(who, mode | 0o002)
    const listed = await names()
    t.ok(listed.stderr.includes(`left out: ${who} can be written by others`), listed.stderr)
    t.ok(!listed.events[0].peers.some((peer) => peer.name === 'home'), 'no name then')
    const again = await t.run(['peers', 'add', 'home', other], { env })
    t.ok(again.code === 1 && again.stderr.includes(`${file} is there already, and is no name`), again.stderr)
    fs.chmodSync(who, mode)
  }
  const far = path.join(t.scratch, 'far', 'hsfwd')
  const both = { HSFWD_CONFIG: path.join(far, 'hsfwd.toml') }
  t.equal((await t.run(['peers', 'add', 'vps', other], { env: both })).code, 0, 'beside the file that HSFWD_CONFIG names')
  fs.writeFileSync(path.join(far, 'hsfwd.toml'), '[peer.vps\n')
  const doubtful = await t.run(['ping', 'vps', '-c', '1'], { env: both })
  t.equal(doubtful.code, 78, 'where what counts ahead of it cannot be read')
  t.ok(/vps of .*peers\.d\/vps may not be the right peer: .*hsfwd\.toml:1/.test(doubtful.stderr), doubtful.stderr)
  for (const value of ['-', '$HOME/x', '/nowhere/hsfwd.toml']) {
    const { code, stderr } = await t.run(['ping', 'nobody', '-c', '1'], { env: { HSFWD_CONFIG: value } })
    t.ok(code === 2 && /is neither a key nor the name of a peer/.test(stderr), `HSFWD_CONFIG=${value}: ${stderr}`)
  }
  t.ok(!/no such file/.test((await t.run(['ping', 'nobody'], { env: { XDG_CONFIG_HOME: '/nowhere' } })).stderr), 'what is not there is no problem')
})

t.test('a file that is broken is told to who asks for a name, and nobody else', async () => {
  const { env, folder } = somebody()
  fs.mkdirSync(path.join(folder, 'peers.d'))
  fs.writeFileSync(path.join(folder, 'hsfwd.toml'), '[peer.home\n')
  fs.writeFileSync(path.join(folder, 'peers.d', 'broken'), 'rubbish')
  const port = await t.freePort()
  const ping = (peer) => t.run(['ping', peer, '-c', '1', '--bootstrap', `127.0.0.1:${port}`], { env, timeout: 30000 })
  const asked = await ping('home')
  t.equal(asked.code, 2, 'the exit code')
  t.ok(asked.stderr.includes("'home' is neither a key nor the name of a peer; hsfwd peers add home KEY makes it one"), asked.stderr)
  t.ok(/hsfwd\.toml:1/.test(asked.stderr) && /broken.* has no key/.test(asked.stderr), asked.stderr)
  const { key } = await keyOf('names-unbroken')
  const byKey = await ping(key)
  t.ok(byKey.code === 75 && !/hsfwd\.toml/.test(byKey.stderr), byKey.stderr)
})

t.test('names show wherever a peer does, and stand for it in every option', async () => {
  const { env, folder } = somebody()
  const { bootstrap } = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const [server, guest, stranger] = [await keyOf('names-server'), await keyOf('names-guest'), await keyOf('names-stranger')]
  for (const [name, { key }] of Object.entries({ home: server, bob: guest, eve: stranger })) {
    t.equal((await t.run(['peers', 'add', name, key], { env })).code, 0, name)
  }
  const all = { ...env, HSFWD_BOOTSTRAP: `${bootstrap}, ${bootstrap}` }
  const expose = t.hsfwd(['expose', `web=${hello.port}`, '--name', 'names-server', '--allow', 'bob'], { env: all })
  await t.until(() => /connect with/.test(expose.text()), 'a server')
  const file = path.join(folder, 'hsfwd.toml')
  const port = await t.freePort()
  fs.writeFileSync(file, `identity = "${guest.file}"\n[[connect]]\npeer = "home"\nlisten = "${port}"\n`)
  const up = t.hsfwd(['up', '--json'], { env: { ...all, HSFWD_CONFIG: file } })
  await up.event('ready')
  const socket = await t.connect(port)
  t.equal((await t.readAll(socket)).toString(), 'hello', 'by its name')
  socket.end()
  t.equal((await up.event('connection')).name, 'home', 'in the event')
  t.equal((await up.event('closed')).name, 'home', 'in that of its end')
  await t.until(() => /connection \d+: from bob, web/.test(expose.text()), 'the name of a client')
  await t.run(['pipe', 'home', '--name', 'names-stranger'], { env: all, input: '', timeout: 40000 })
  await t.until(() => expose.stderr.includes(`refused eve, ${stranger.key}`), 'that of one who is refused')
  const ask = async (...words) => (await t.run(words, { env: { ...all, HSFWD_CONFIG: file } })).stdout
  t.equal(JSON.parse(await ask('peers', '--json')).sessions[0].name, 'home', 'of a session')
  t.ok(/^ *out +home /m.test(await ask('status')), 'for people')
  const bad = await t.run(['ping', 'home', '-c', '1'], { env: { ...env, HSFWD_BOOTSTRAP: 'nowhere' } })
  t.ok(bad.code === 2 && /HSFWD_BOOTSTRAP: 'nowhere'/.test(bad.stderr), bad.stderr)
})
