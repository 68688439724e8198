// SPDX-License-Identifier: Apache-2.0
// What is secret stays so on the machine: identities on disk and in memory, connection strings that are
// keys, and a terminal that does nothing at a stranger's word.
'use strict'
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

let files = 0
const fresh = (what) => path.join(t.scratch, `secrets-${what}-${files++}`)

function file (content, mode = 0o600) {
  const name = fresh('file')
  fs.writeFileSync(name, content, { mode })
  fs.chmodSync(name, mode)
  return name
}

/** A server whose key is that of a connection string, which only who has the string may reach. */
async function shared (network) {
  const secret = crypto.randomBytes(32).toString('hex')
  const seed = crypto.createHash('sha256').update(secret).digest('hex')
  const identity = file(seed + '\n')
  const { publicKey, key } = (await t.run(['keygen', '--identity', identity, '--json'])).program.events[0]
  const hello = await t.service((socket) => socket.end('hello'))
  const server = t.hsfwd(['expose', `it=${hello.port}`, '--identity', identity, '--allow', publicKey, '--bootstrap', network.bootstrap, '--json'])
  await server.event('listening')
  return { secret, url: 'hs://s000' + secret, publicKey, key, server }
}

const said = (program) => program.text() + program.stderr

t.test('a connection string with a secret is told nowhere, in no way of saying it', async () => {
  const network = await t.testnet()
  const { secret, url, key, publicKey } = await shared(network)
  const peer = file(url + '\n')
  const more = ['--bootstrap', network.bootstrap, '--name', 'client']
  const stranger = 'hs://s000' + secret.replace(/./g, 'e')
  const silent = (program, what) => t.ok(!said(program).includes('eeeeeeee') && !said(program).includes(secret), `${what} tells no secret: ${said(program)}`)

  for (const word of [url, '@' + peer]) {
    const warned = (program, what) => t.equal(/the command line is a secret/.test(program.stderr), word === url, `${what} warns: ${program.stderr}`)
    for (const level of [[], ['--json', '--trace'], ['--trace', '--log-format', 'json']]) {
      const connect = t.hsfwd(['connect', word, '-L', '0', ...more, ...level])
      await connect.event(level.includes('--json') ? 'ready' : 'line')
      t.ok(!fs.readFileSync(`/proc/${connect.pid()}/cmdline`).includes(secret), 'the list of processes has it no more')
      await connect.kill()
      silent(connect, 'connect')
      warned(connect, 'connect')
      if (!level.length) t.ok(connect.text().includes(`leads to ${key}`), `its key is told instead: ${connect.text()}`)
    }
    const pipe = await t.run(['pipe', word, 'it', ...more], { input: '' })
    t.equal(pipe.stdout, 'hello', `through the pipe, which said ${pipe.stderr}`)
    const ping = await t.run(['ping', word, '-c', '1', ...more])
    t.equal(ping.code, 0, `ping: ${ping.stderr}`)
    for (const args of [['why', word, ...more], ['lookup', word, '--bootstrap', network.bootstrap]]) {
      const { code, program } = await t.run(args)
      t.equal(code, 0, `exit code of ${args[0]}`)
      silent(program, args[0])
      warned(program, args[0])
    }
    silent(pipe.program, 'pipe')
    silent(ping.program, 'ping')
  }
  const quiet = await t.run(['ping', url, '-c', '1', '-q', ...more])
  t.equal(quiet.stderr, '', 'who wants to hear of errors only')

  // Mistakes quote what was typed.
  for (const args of [
    ['connect', stranger, '-L', '0', ...more], ['ping', stranger, '-c', '1', ...more], ['why', stranger, ...more],
    ['lookup', stranger, '--bootstrap', network.bootstrap], ['pipe', stranger, ...more],
    ['connect', stranger.replace('hs://', 'hs:/'), '-L', '0'], ['connect', stranger.slice(5), '-L', '0'], ['connect', 'HS' + stranger.slice(2), '-L', '0'],
    ['lookup', key, stranger], ['connect', key, '-L', stranger], ['expose', stranger], ['expose', '1', '--allow', stranger + ' '],
    ['connect', key, `--${stranger}`], [stranger], ['ping', key, '--bootstrap', stranger], ['keygen', '--identity', `/proc/${stranger}/x`]
  ]) {
    for (const json of [[], ['--json']]) {
      const { code, program } = await t.run([...args, ...json])
      t.ok(code !== 0, `${args.join(' ')} fails`)
      silent(program, args.join(' '))
    }
  }
  t.equal(publicKey.length, 64, 'the public key')
})

t.test('a connection string with a secret in a configuration: by file, by text, and never told', async () => {
  const network = await t.testnet()
  const { secret, url, key } = await shared(network)
  const head = `identity = "${fresh('identity')}"\nbootstrap = "${network.bootstrap}"\n`
  const connect = (peer) => `[[connect]]\npeer = "${peer}"\nlisten = "0"\n`
  const named = `[peer.office]\nkey_file = "${file(url)}"\n`
  for (const [text, name] of [[connect(url), key], [named + connect('office'), 'office']]) {
    const config = file(head + text)
    const up = t.hsfwd(['up', '-c', config, '--trace', '--json'])
    const { listen } = await up.event('ready')
    t.equal((await t.readAll(await t.connect(Number(listen.split(':')[1])))).toString(), 'hello', 'through it')
    const status = await t.run(['status', '-c', config, '--json'])
    t.equal(status.program.events[0].connects[0].name, name, 'its name in the status')
    const plain = await t.run(['status', '-c', config])
    await t.run(['reload', '-c', config])
    await up.kill()
    t.ok(!/others can read/.test(up.stderr), `no warning: ${up.stderr}`)
    t.ok(![said(up), said(status.program), said(plain.program)].join().includes(secret), 'nobody tells')
  }
  const shown = file(head + connect(url), 0o644)
  const checked = await t.run(['check', '-c', shown, '--json'])
  t.ok(/:4: the hs:\/\/ string is a secret, and others can read it/.test((await checked.program.event('warning')).message), 'check warns')
  const up = t.hsfwd(['up', '-c', shown, '--json'])
  await up.event('ready')
  await t.until(() => /warning +config: .*:4: the hs:\/\/ string is a secret/.test(up.stderr), 'up to warn')
  await up.kill()
  const open = await t.run(['check', '-c', file(head + `[peer.office]\nkey_file = "${file(url, 0o644)}"\n` + connect('office'))])
  t.equal(open.code, 78, 'one that others can read is refused')
  t.ok(/:4: key file .*others can read it/.test(open.stderr), open.stderr)
  for (const wrong of [`peer = "${url}`, `peer = ${url}`, `peer = "${url}"x`, `"${url}" = 1`, `listen = "${url}"`]) {
    const { code, program } = await t.run(['check', '-c', file(head + '[[connect]]\n' + wrong + '\n')])
    t.equal(code, 78, 'a mistake')
    t.ok(!said(program).includes(secret), `what is said of it: ${said(program)}`)
  }
})

t.test('one key is announced once on a machine, whatever paths lead to it', async () => {
  const network = await t.testnet()
  const identity = fresh('identity')
  await t.run(['keygen', '--identity', identity])
  const expose = (identity, more = []) => ['expose', '1', '--identity', identity, '--bootstrap', network.bootstrap, ...more]
  const first = t.hsfwd(expose(identity, ['--json']))
  await first.event('listening')
  const link = fresh('link')
  fs.symlinkSync(identity, link)
  const copy = file(fs.readFileSync(identity))
  const mounted = file(fs.readFileSync(identity), 0o440)
  await Promise.all([identity, link, copy, mounted, '-'].map(async (path) => {
    const second = await t.run(expose(path), path === '-' ? { input: fs.readFileSync(identity) } : {})
    t.equal(second.code, 1, `exit code of ${path}: ${second.stderr}`)
    t.ok(/is announced by another hsfwd process/.test(second.stderr), second.stderr)
    // A copy may be a new installation that replaces the old one.
    t.equal(/waiting up to 15 s/.test(second.stderr), ![identity, link].includes(path), `${path}: ${second.stderr}`)
  }))
  const relay = await t.run(['node', '--relay', '--identity', copy, '--host', '127.0.0.1', '--bootstrap', network.bootstrap])
  t.ok(/is announced by another hsfwd process/.test(relay.stderr), `a relay: ${relay.stderr}`)
  const config = file(`bootstrap = "${network.bootstrap}"\nidentity = "${identity}-own"\n` +
    `[[expose]]\nservices = "1"\nidentity = "${fresh('one')}"\n[[expose]]\nservices = "2"\nidentity = "${copy}"\n`)
  const up = t.hsfwd(['up', '-c', config])
  await t.until(() => /another hsfwd process; trying again/.test(up.stderr), 'up')
  await up.kill('SIGKILL')
  await first.kill('SIGKILL')
  const next = t.hsfwd(expose(copy, ['--json']))
  await next.event('listening')
  t.ok(!/another|identity/.test(next.stderr), `nothing to complain about: ${next.stderr}`)
})

t.test('an identity that can only be read is used like any other, wherever it lies', async () => {
  const network = await t.testnet()
  const folder = fresh('mounted')
  fs.mkdirSync(folder)
  const identity = path.join(folder, 'identity')
  const { publicKey } = (await t.run(['keygen', '--identity', identity, '--json'])).program.events[0]
  const nowhere = file('')
  for (const mode of [0o400, 0o440]) {
    fs.chmodSync(identity, mode)
    fs.chmodSync(folder, 0o500)
    const again = await t.run(['keygen', '--identity', identity, '--json'])
    t.equal(again.code, 0, again.stderr)
    t.equal(again.program.events[0].publicKey, publicKey, 'its key')
    // Also where no folder can be written at all: there is nothing that could hold a lock, and a word about it.
    for (const env of [{}, { XDG_STATE_HOME: nowhere, XDG_RUNTIME_DIR: nowhere, XDG_CACHE_HOME: nowhere }]) {
      const server = t.hsfwd(['expose', '1', '--identity', identity, '--bootstrap', network.bootstrap, '--json'], { env })
      t.equal((await server.event('listening')).publicKey, publicKey, 'what is announced')
      t.equal(/would not be noticed/.test(server.stderr), 'XDG_STATE_HOME' in env, `what it says: ${server.stderr}`)
      await server.kill()
    }
    t.equal(fs.readdirSync(folder).join(), 'identity', 'what lies beside it')
    fs.chmodSync(folder, 0o700)
  }
})

t.test('killed while it makes an identity, it leaves a whole one or none, and the next makes it', async () => {
  const folder = fresh('killed')
  fs.mkdirSync(folder)
  const start = performance.now()
  await t.run(['keygen', '--identity', fresh('identity')])
  const usual = performance.now() - start
  let whole = 0
  for (let i = 0; i < 60; i++) {
    const identity = path.join(folder, `identity-${i}`)
    const program = t.hsfwd(['keygen', '--identity', identity])
    // Some before, some after, some meanwhile: what is checked holds for each.
    setTimeout(() => program.kill('SIGKILL'), usual * 1.2 * i / 60)
    await program.exited
    if (!fs.existsSync(identity)) continue
    whole++
    t.ok(/^[0-9a-f]{64}\n$/.test(fs.readFileSync(identity, 'utf8')), `what is left of identity ${i}`)
  }
  const names = fs.readdirSync(folder).length
  const both = await Promise.all([1, 2, 3].map(() => t.run(['keygen', '--identity', path.join(folder, 'last')])))
  t.equal(new Set(both.map((result) => `${result.code} ${result.stdout} ${result.stderr}`)).size, 1, 'three that make one at once agree')
  t.equal(fs.readdirSync(folder).length, names + 1, 'files')
  return `${whole} of 60 were whole`
})

t.test('the memory of the program, secrets and all, ends up in no file', async () => {
  const network = await t.testnet()
  const limit = (program) => /Max core file size +(\S+) +(\S+)/.exec(fs.readFileSync(`/proc/${program.pid()}/limits`, 'utf8')).slice(1).join()
  const start = async (env) => {
    const program = t.hsfwd(['node', '--host', '127.0.0.1', '--bootstrap', network.bootstrap, '--json'], { env })
    await program.event('ready')
    return program
  }
  const own = limit({ pid: () => process.pid })
  t.equal(limit(await start({ HSFWD_CORE_DUMPS: '' })), '0,0', 'limit of core files')
  t.equal(limit(await start({ HSFWD_CORE_DUMPS: '1' })), own, 'when they are wanted')
})

t.test('what files and command lines say steers no terminal', async () => {
  const evil = '\u009b2J\u202e\u2028\x1b]0;x\x07'
  const raw = Buffer.concat([Buffer.from('[peer.x]\nkey = "'), Buffer.from(evil.replace('\x1b', '').replace('\x07', '')), Buffer.from('"\n')])
  for (const args of [['lookup', evil], ['expose', evil], [evil], ['check', '-c', evil], ['check', '-c', file(raw)], ['keygen', '--identity', `/proc/${evil}/x`]]) {
    for (const more of [[], ['--json']]) {
      const { code, program } = await t.run([...args, ...more])
      t.ok(code !== 0, 'fails')
      // eslint-disable-next-line no-control-regex
      t.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/.test(said(program)), `what ${args[0]} says: ${JSON.stringify(said(program))}`)
      if (more.length) t.equal(program.events.filter((event) => event.event === 'error').length, 1, `an event: ${program.text()}`)
    }
  }
})
