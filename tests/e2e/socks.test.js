// SPDX-License-Identifier: Apache-2.0
// Who may reach what of an exposed key, and programs that say by SOCKS5 where they want to be led.
'use strict'
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

let files = 0
function fresh (what) { return path.join(t.scratch, `socks-${what}-${files++}`) }

async function keyOf (identity) {
  const made = await t.run(['keygen', '--identity', identity, '--json'])
  return { identity, ...made.program.events[0] }
}

async function expose (net, words) {
  const program = t.hsfwd(['expose', ...words, '--identity', fresh('server'), '--bootstrap', net.bootstrap, '--json', '-v'])
  const { publicKey, key } = await program.event('listening')
  return { program, publicKey, key }
}

async function connect (net, words, identity = fresh('client')) {
  const program = t.hsfwd(['connect', ...words, '--identity', identity, '--bootstrap', net.bootstrap, '--json', '-v'])
  const { listen } = await program.event('ready')
  return { program, port: Number(listen.split(':')[1]) }
}

/** A web server that says who it is. */
function web (name, options) {
  return t.service((socket) => {
    socket.once('data', () => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\nConnection: close\r\n\r\n${name}`)
    })
  }, options)
}

function reader (socket) {
  let have = Buffer.alloc(0)
  let wake = () => {}
  let ended = false
  socket.on('data', (data) => { have = Buffer.concat([have, data]); wake() })
  for (const event of ['end', 'close']) socket.on(event, () => { ended = true; wake() })
  return async (size) => {
    await t.within(30000, `${size} bytes`, (async () => {
      while (have.length < size && !ended) await new Promise((resolve) => { wake = resolve })
    })())
    const out = have.subarray(0, size)
    have = have.subarray(size)
    return out
  }
}

/** A SOCKS5 request for a host by name; the reply, and the socket. */
async function request (port, host, hostPort, { command = 1, raw } = {}) {
  const socket = await t.connect(port)
  const read = reader(socket)
  socket.write(Buffer.from([5, 1, 0]))
  t.equal((await read(2)).toString('hex'), '0500', 'the method')
  const name = Buffer.from(host)
  socket.write(raw ?? Buffer.concat([
    Buffer.from([5, command, 0, 3, name.length]), name, Buffer.from([hostPort >> 8, hostPort & 255])
  ]))
  const reply = await read(10)
  t.equal(reply.length, 10, 'the reply')
  t.equal(reply[0], 5, 'the version of the reply')
  return { reply: reply[1], socket, read }
}

async function replyTo (...words) {
  const { reply, socket } = await request(...words)
  socket.destroy()
  return reply
}

function curl (port, url) {
  return new Promise((resolve) => {
    const child = spawn('curl', ['-s', '-m', '30', '--noproxy', '', '--socks5-hostname', `127.0.0.1:${port}`, url])
    let text = ''
    child.on('error', () => resolve(null))
    child.stdout.on('data', (data) => { text += data })
    child.on('close', (code) => resolve({ code, text }))
  })
}

t.test('each peer reaches what it is permitted, and sees no more', async () => {
  const net = await t.testnet()
  const [one, two] = await Promise.all([web('one'), web('two')])
  const [alice, bob, eve] = await Promise.all(['alice', 'bob', 'eve'].map((name) => keyOf(fresh(name))))
  const server = await expose(net, [`one=${one.port}`, `two=${two.port}`,
    '--permit', `${alice.key}: one,two`, '--permit', `${bob.key}: two`])
  const services = async (who) => {
    const ping = await t.run(['ping', server.key, '-c', '1', '--identity', who.identity, '--bootstrap', net.bootstrap, '--json'])
    return { code: ping.code, names: ping.program.events.find((e) => e.event === 'connection')?.services?.join() }
  }
  t.equal((await services(alice)).names, 'one,two', 'what one sees')
  t.equal((await services(bob)).names, 'two', 'what the other sees')
  t.equal((await services(eve)).code, 69, 'the exit code of who may reach nothing')
  const get = async (who, service) => {
    const words = ['pipe', server.key, ...service, '--identity', who.identity, '--bootstrap', net.bootstrap]
    const result = await t.run(words, { input: 'GET / HTTP/1.0\r\n\r\n' })
    return result.code === 0 ? result.stdout.split('\r\n\r\n')[1] : result.stderr
  }
  t.equal(await get(alice, ['one']), 'one', 'a service that is permitted')
  t.equal(await get(bob, []), 'two', 'the default: the first that is permitted')
  const missing = await get(bob, ['one'])
  t.ok(/the peer has no service 'one'; it has two/.test(missing), missing)
})

t.test('a reload that takes a right ends what stands on it', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const client = await keyOf(fresh('client'))
  const file = fresh('config')
  const write = (permit) => fs.writeFileSync(file, `identity = "${fresh('server')}"\nbootstrap = "${net.bootstrap}"\n` +
    `[peer.client]\nkey = "${client.key}"\n[[expose]]\nservices = ["a=${echo.port}", "b=${echo.port}"]\n` +
    `identity = "${file}.identity"\npermit = ${JSON.stringify(permit)}\n`)
  // The identity of the node cannot change.
  const head = fresh('server')
  const rewrite = (permit) => { write(permit); fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^identity = .*$/m, `identity = "${head}"`)) }
  rewrite(['client: a,b', `client: 127.0.0.1:${echo.port}`])
  const server = t.hsfwd(['up', '-c', file, '--json'])
  const { publicKey } = await server.event('listening')
  const local = await connect(net, [publicKey, '-L', '0:a', '-D', '0'], client.identity)
  await t.until(() => local.program.events.filter((e) => e.event === 'ready').length === 2, 'both ready')
  const [first, second] = local.program.events.filter((e) => e.event === 'ready')
  const service = await t.connect(Number(first.listen.split(':')[1]))
  const serviceRead = reader(service)
  service.write('x')
  t.equal((await serviceRead(1)).toString(), 'x', 'an echo of the service')
  const socks = Number(second.listen.split(':')[1])
  const destination = await request(socks, '127.0.0.1', echo.port)
  t.equal(destination.reply, 0, 'the destination')
  destination.socket.write('y')
  t.equal((await destination.read(1)).toString(), 'y', 'an echo of the destination')
  const gone = (socket) => new Promise((resolve) => { socket.on('close', resolve); socket.on('end', resolve) })

  const destinationGone = gone(destination.socket)
  rewrite(['client: a'])
  t.equal((await t.run(['reload', '-c', file])).code, 0, 'exit code of reload')
  await t.within(20000, 'the end of the destination', destinationGone)
  t.equal(await replyTo(socks, '127.0.0.1', echo.port), 2, 'the reply once it is not permitted')
  service.write('z')
  t.equal((await serviceRead(1)).toString(), 'z', 'the service that still is')

  const serviceGone = gone(service)
  rewrite(['client: b'])
  t.equal((await t.run(['reload', '-c', file])).code, 0, 'exit code of reload')
  await t.within(20000, 'the end of the service', serviceGone)
  const status = (await t.run(['status', '-c', file, '--json'])).program.events[0]
  t.equal(status.exposes[0].permit.join(), `${client.publicKey}: b`, 'what status says')
})

t.test('a SOCKS client reaches services by name, and destinations that are permitted', async () => {
  const net = await t.testnet()
  const [named, chosen] = await Promise.all([web('named'), web('chosen')])
  const closed = await t.freePort()
  const server = await expose(net, [`web=${named.port}`,
    '--permit', '*: web', '--permit', `*: 127.0.0.1:${chosen.port},${closed}`])
  const { program, port } = await connect(net, [server.key, '-D', '0'])
  const ready = await program.event('ready')
  t.equal(ready.protocol, 'socks5', 'the protocol')
  t.equal(ready.peer, server.publicKey, 'the peer')
  const urls = [[`http://web.${server.key}.hsfwd/`, 'named'], [`http://${server.key}.hsfwd:81/`, 'named'],
    [`http://127.0.0.1:${chosen.port}/`, 'chosen'], [`http://localhost:${chosen.port}/`, 'chosen']]
  for (const [url, wanted] of urls) {
    const got = await curl(port, url)
    if (got === null) t.skip('there is no curl')
    t.equal(`${got.code} ${got.text}`, `0 ${wanted}`, url)
  }
  t.equal(await replyTo(port, '127.0.0.1', closed), 5, 'nobody listens there')
  t.equal(await replyTo(port, '127.0.0.1', closed === 65535 ? 1 : closed + 1), 2, 'a port that is not permitted')
  t.equal(await replyTo(port, '127.0.0.2', chosen.port), 2, 'an address that is not')
  t.equal(await replyTo(port, `nothing.${server.key}.hsfwd`, 80), 5, 'a service that there is not')
  t.equal(await replyTo(port, 'web.nobody.hsfwd', 80), 4, 'a peer that has no such name')
  t.equal(await replyTo(port, '::1', 80), 8, 'an IPv6 address')
  t.equal(await replyTo(port, 'web', 80, { command: 2 }), 7, 'BIND')
  t.equal(await replyTo(port, 'web', 80, { command: 3 }), 7, 'UDP ASSOCIATE')
  const other = (line) => / (warning|error)/.test(line) && !/ warning socks: refused /.test(line)
  t.equal(program.stderr.split('\n').filter(other).join(), '', 'warnings of anything else')
  for (const line of [`refused 127.0.0.2:${chosen.port}: `, 'refused web.nobody.hsfwd:80: ', 'refused web:80: BIND is not offered',
    'refused web:80: UDP ASSOCIATE is not offered', `refused nothing.${server.key}.hsfwd:80: `]) {
    await t.until(() => program.stderr.includes(line), `'${line}' on standard error`)
    await t.until(() => program.warned.some((e) => e.component === 'socks' && e.message.startsWith(line)), `'${line}' as an event`)
  }
})

t.test('who has destinations alone says so to those that come for a service', async () => {
  const net = await t.testnet()
  const server = await expose(net, ['--permit', '*: 127.0.0.1:80'])
  const says = /^the peer has no services for this key; destinations that it may permit are reached with connect -D PORT/
  const named = t.hsfwd(['connect', server.key, '-L', '0:web', '-L', '0:ssh', '--identity', fresh('client'), '--bootstrap', net.bootstrap, '--json'])
  t.ok(says.test((await named.event('error')).message), 'at the start')
  const client = t.hsfwd(['connect', server.key, '-L', '0', '--identity', fresh('client'), '--bootstrap', net.bootstrap, '--json'])
  const { listen } = await client.event('ready')
  await t.readAll(await t.connect(Number(listen.split(':')[1]))).catch(() => {})
  t.ok(says.test((await client.event('error')).message), 'to the first connection')
  t.equal(named.events.filter((e) => e.event === 'error').length, 1, 'once')
})

t.test('a name never leads to this machine or the metadata of a cloud, whatever a rule for names says', async () => {
  const net = await t.testnet()
  const secret = await web('secret')
  const server = await expose(net, ['--permit', '*: *:*', '--permit', '*: 0.0.0.0/0:*'])
  const { port } = await connect(net, [server.key, '-D', '0'])
  // localhost, what resolves to it, what others take for it, and where clouds answer with secrets.
  for (const name of ['127.0.0.1', 'localhost', '127.0.0.2', '0.0.0.0', '169.254.169.254']) {
    t.equal(await replyTo(port, name, secret.port), 2, name)
  }
  for (const name of ['127.1', '2130706433', '0x7f000001']) t.equal(await replyTo(port, name, secret.port), 4, name)
  // This file is in a namespace that has /etc/hosts, whose names for this machine are names like any other.
  const names = fs.readFileSync('/etc/hosts', 'utf8').split('\n').map((line) => line.trim().split(/\s+/))
    .filter((words) => /^127\./.test(words[0])).flatMap((words) => words.slice(1)).filter((name) => name !== 'localhost')
  for (const name of names) t.equal(await replyTo(port, name, secret.port), 2, name)
  t.equal(secret.sockets.size, 0, 'connections to the service')
  return `${names.length} names of /etc/hosts`
})

t.test('a name never leads to this machine by the address that it has on the internet either', async () => {
  // What its firewall keeps from the internet is open to what comes from itself.
  const own = '5.6.7.8'
  if (spawnSync('ip', ['address', 'add', `${own}/32`, 'dev', 'lo']).status !== 0) t.skip('no address of its own can be had')
  const net = await t.testnet()
  const secret = await web('secret', { host: '0.0.0.0' })
  const named = await expose(net, ['--permit', '*: *:*'])
  const network = await expose(net, ['--permit', '*: 0.0.0.0/0:*'])
  const itself = await expose(net, ['--permit', `*: ${own}:*`])
  const reply = async (server) => replyTo((await connect(net, [server.key, '-D', '0'])).port, own, secret.port)
  try {
    t.equal(await reply(itself), 0, 'by a rule that names it')
    t.equal(await reply(named), 2, 'by a rule for all names')
    t.equal(await reply(network), 2, 'by a rule for all addresses')
  } finally {
    spawnSync('ip', ['address', 'del', `${own}/32`, 'dev', 'lo'])
  }
})

t.test('without a peer only names of peers lead anywhere; those of the file are its names', async () => {
  const net = await t.testnet()
  const [one, two] = await Promise.all([web('one'), web('two')])
  const [first, second] = await Promise.all([expose(net, [`web=${one.port}`]), expose(net, [`a.b=${two.port}`])])
  const file = fresh('config')
  fs.writeFileSync(file, `identity = "${fresh('identity')}"\nbootstrap = "${net.bootstrap}"\n` +
    `[peer.first]\nkey = "${first.key}"\n[peer.Second]\nkey = "${second.key}"\n[[socks]]\nlisten = "0"\n`)
  const program = t.hsfwd(['up', '-c', file, '--json'])
  const ready = await program.event('ready')
  t.equal(ready.peer, null, 'no peer')
  const port = Number(ready.listen.split(':')[1])
  const get = async (name) => {
    const { reply, socket, read } = await request(port, name, 80)
    t.equal(reply, 0, name)
    socket.write('GET / HTTP/1.0\r\n\r\n')
    return (await read(1000)).toString().split('\r\n\r\n')[1]
  }
  t.equal(await get('web.first.hsfwd'), 'one', 'by a name')
  t.equal(await get('a.b.second.HSFWD.'), 'two', 'in other letters, with a dot in it and at the end')
  t.equal(await get(`web.${first.key}.hsfwd`), 'one', 'by a key')
  t.equal(await replyTo(port, 'example.org', 80), 2, 'any other name')
  t.equal(await replyTo(port, '127.0.0.1', one.port), 2, 'an address')
  const status = (await t.run(['status', '-c', file, '--json'])).program.events[0]
  t.equal(status.socks.length, 1, 'SOCKS addresses in status')
  t.equal(status.socks[0].refused, 2, 'refused')
  const said = (await t.run(['status', '-c', file])).stdout
  t.ok(/SOCKS +OTHER NAMES/.test(said) && /\(refused\)/.test(said), said)
  const checked = (await t.run(['check', '-c', file, '--json'])).program.events.at(-1)
  t.equal(checked.socks, 1, 'SOCKS addresses that check counts')
})

t.test('a peer that is not there is unreachable, and other protocols get what they understand', async () => {
  const net = await t.testnet()
  const nobody = await keyOf(fresh('nobody'))
  const { program, port } = await connect(net, ['-D', '0'])
  t.equal(await replyTo(port, `web.${nobody.key}.hsfwd`, 80), 4, 'the reply')
  const exchange = async (bytes) => {
    const socket = await t.connect(port)
    socket.write(bytes)
    return await t.readAll(socket).then((data) => data.toString('hex'), () => 'reset')
  }
  t.equal(await exchange(Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0])), '005b000000000000', 'SOCKS4')
  t.equal(await exchange(Buffer.from([5, 2, 1, 2])), '05ff', 'no method in common')
  t.equal(await exchange('CONNECT example.org:443 HTTP/1.1\r\n\r\n'), 'reset', 'HTTP')
  for (const line of ['SOCKS4 is not offered, SOCKS5 is; it asked for 127.0.0.1:80', 'it wants a password, and there is none',
    'it speaks HTTP, and this port SOCKS5; it asked: CONNECT example.org:443 HTTP/1.1']) {
    await t.until(() => program.stderr.includes(line), `'${line}' on standard error`)
  }
})

t.test('an address that others reach is warned of, and one that is taken is told', async () => {
  const net = await t.testnet()
  const open = await connect(net, ['-D', '0.0.0.0:0'])
  await t.until(() => /SOCKS at 0\.0\.0\.0:0 asks nobody/.test(open.program.stderr), 'the warning')
  const taken = await t.service(() => {})
  const again = await t.run(['connect', '-D', String(taken.port), '--bootstrap', net.bootstrap, '--identity', fresh('client')])
  t.equal(again.code, 1, 'exit code')
  t.ok(/cannot listen on 127\.0\.0\.1:\d+: /.test(again.stderr), again.stderr)
  for (const [words, says] of [[['connect', '-D', '1080:web'], /-D '1080:web': '1080:web' is not \[BIND:\]PORT/],
    [['connect', '-D', '0', '-L', '0'], /which peer\?/], [['expose', '80', '--permit', 'web'], /--permit 'web': 'web' is not WHO: WHAT/]]) {
    const result = await t.run(words)
    t.equal(result.code, 2, `exit code of ${words.join(' ')}`)
    t.ok(says.test(result.stderr), result.stderr)
  }
})

t.test('a range of ports leads to a range of services, and a service is told who connects', async () => {
  const net = await t.testnet()
  const heard = []
  // Two neighbours that are free.
  const begin = async () => {
    for (;;) {
      const port = await t.freePort()
      if (port === 65535) continue
      try {
        const first = await t.service((socket) => socket.end('first'), { port })
        const second = await t.service((socket) => {
          socket.on('data', (data) => { heard.push(data); socket.end('second') })
        }, { port: port + 1 }).catch(async (error) => { await first.stop(); throw error })
        return { port, second }
      } catch {}
    }
  }
  const { port } = await begin()
  const server = await expose(net, [`${port}-${port + 1},proxy`])
  const client = await keyOf(fresh('client'))
  const locals = async () => {
    const local = await t.freePort()
    const program = t.hsfwd(['connect', server.key, '-L', `${local}-${local + 1}:${port}-${port + 1}`,
      '--identity', client.identity, '--bootstrap', net.bootstrap, '--json'])
    return { local, program, ready: await program.event('ready').catch(() => null) }
  }
  let found
  do found = await locals(); while (found.ready === null)
  const first = await t.connect(found.local)
  t.equal((await t.readAll(first)).toString(), 'first', 'the first')
  const second = await t.connect(found.local + 1)
  second.end('hello')
  t.equal((await t.readAll(second)).toString(), 'second', 'the second')
  const header = Buffer.concat(heard)
  t.equal(header.subarray(0, 14).toString('hex'), '0d0a0d0a000d0a515549540a2111', 'signature, version, TCP over IPv4')
  const length = header.readUInt16BE(14)
  t.equal(length, 47, 'the length')
  t.equal(header.subarray(16, 20).join('.'), '127.0.0.1', 'the peer\'s address')
  t.equal(header.readUInt16BE(26), port + 1, 'the service\'s port')
  t.equal(header.subarray(28, 31).toString('hex'), 'e00020', 'the kind and length of the key')
  t.equal(header.subarray(31, 63).toString('hex'), client.publicKey, 'the key')
  t.ok('hello'.startsWith(header.subarray(63).toString()), 'what follows')
  for (const [words, says] of [[['expose', '9-8'], /the range 9-8 ends before it begins/],
    [['connect', server.key, '-L', '9000-9003:1-2'], /has 4 ports and 2 services/], [['expose', '1-9999'], /may have 256/]]) {
    const result = await t.run(words)
    t.equal(result.code, 2, `exit code of ${words.join(' ')}`)
    t.ok(says.test(result.stderr), result.stderr)
  }
})
