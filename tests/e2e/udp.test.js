// SPDX-License-Identifier: Apache-2.0
// UDP services: by command line and through `up`, with what a user may get wrong.
'use strict'
const { execFile, spawn } = require('node:child_process')
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const t = require('../support/harness')

/** A UDP socket of this machine; what it hears is in `heard`. */
async function socket (port = 0) {
  const socket = dgram.createSocket('udp4')
  const heard = []
  socket.on('message', (message, from) => { heard.push({ message, from }) })
  await new Promise((resolve, reject) => { socket.on('error', reject); socket.bind(port, '127.0.0.1', resolve) })
  t.cleanups.push(() => new Promise((resolve) => { try { socket.close(resolve) } catch { resolve() } }))
  return { socket, heard, port: socket.address().port, send: (bytes, to) => socket.send(bytes, to, '127.0.0.1') }
}

/** Answers as a DNS server does: the id that was asked with, and something else. */
async function echo (port = 0) {
  const service = await socket(port)
  service.socket.on('message', (message, from) => service.socket.send(Buffer.concat([message.subarray(0, 2), message]), from.port, from.address))
  return service
}

/** The answer to one datagram; it is asked again until there is one. */
async function ask (client, port, size) {
  const question = crypto.randomBytes(size)
  const expected = Buffer.concat([question.subarray(0, 2), question])
  const answer = () => client.heard.find(({ message }) => message.equals(expected))
  await t.until(async () => {
    if (!answer()) client.send(question, port)
    for (let i = 0; i < 20 && !answer(); ++i) await t.sleep(10)
    return answer()
  }, `an answer to ${size} bytes`)
  t.equal(answer().from.port, port, 'from where it was asked')
}

async function expose (net, targets, more = []) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', net.bootstrap, '--json', ...more])
  return { program, key: (await program.event('listening')).publicKey }
}

async function connect (net, key, specs, more = []) {
  const locals = specs.flatMap((spec) => ['-L', spec])
  const program = t.hsfwd(['connect', key, ...locals, '--name', 'client', '--bootstrap', net.bootstrap, '--json', ...more])
  await t.until(() => program.events.filter((e) => e.event === 'ready').length === specs.length, 'all ready')
  return { program, ports: program.events.filter((e) => e.event === 'ready').map((e) => Number(e.listen.split(':').pop())) }
}

t.test('a reload that takes a right ends the flows that stand on it', async () => {
  const net = await t.testnet()
  const dns = await echo()
  const web = await t.service((socket) => socket.end('hello'))
  const made = (await t.run(['keygen', '--identity', path.join(t.scratch, 'reload-client'), '--json'])).program.events[0]
  const file = path.join(t.scratch, 'reload-config')
  const write = (permit) => fs.writeFileSync(file, `identity = "${file}.node"\nbootstrap = "${net.bootstrap}"\n` +
    `[peer.client]\nkey = "${made.key}"\n[[expose]]\nservices = ["web=${web.port}", "dns=udp:${dns.port}"]\n` +
    `identity = "${file}.identity"\npermit = ${JSON.stringify(permit)}\n`)
  write(['client: web,dns'])
  const server = t.hsfwd(['up', '-c', file, '--json'])
  const { publicKey } = await server.event('listening')
  const program = t.hsfwd(['connect', publicKey, '-L', 'udp:0:dns', '--identity', path.join(t.scratch, 'reload-client'), '--bootstrap', net.bootstrap, '--json'])
  const { listen } = await program.event('ready')
  const port = Number(listen.split(':').pop())
  const client = await socket()
  await ask(client, port, 10)
  const status = async () => (await t.run(['status', '-c', file, '--json'])).program.events[0].exposes[0]
  t.equal((await status()).flows, 1, 'flows')
  write(['client: web'])
  t.equal((await t.run(['reload', '-c', file])).code, 0, 'exit code of reload')
  t.equal((await status()).flows, 0, 'flows once it is not permitted')
  const before = dns.heard.length
  await t.until(() => {
    client.send(Buffer.from([1, 2, 3]), port)
    return program.events.some((e) => e.error === 'NO_SUCH_SERVICE' || e.code === 'NO_SUCH_SERVICE')
  }, 'that it is told')
  t.equal(dns.heard.length, before, 'datagrams that the service hears')
})

t.test('datagrams of all sizes that fit, of several programs, beside a TCP service of the same key', async () => {
  const net = await t.testnet()
  const dns = await echo()
  const hello = await t.service((socket) => socket.end('hello'))
  const server = await expose(net, [`web=${hello.port}`, `dns=udp:${dns.port}`])
  const client = await connect(net, server.key, ['udp:0:dns', '0:web'])
  const programs = [await socket(), await socket()]
  for (const size of [2, 1400, 30, 1470]) {
    for (const program of programs) await ask(program, client.ports[0], size)
  }
  t.equal((await t.readAll(await t.connect(client.ports[1]))).toString(), 'hello', 'TCP beside it')
  t.equal(new Set(dns.heard.map(({ from }) => from.port)).size, 2, 'sockets at the service')
  const udp = client.program.events.filter((e) => e.event === 'connection' && e.service === 'dns')
  t.equal(udp.length, 1, 'connections of both programs')
  for (const program of programs) program.send(crypto.randomBytes(8000), client.ports[0])
  await t.until(() => /too large for the path to the peer: more than \d+ bytes/.test(client.program.stderr), 'a line about 8,000 bytes')
  await ask(programs[0], client.ports[0], 1400)
  t.equal(client.program.stderr.match(/too large/g).length, 1, 'lines about it')
  const told = client.program.events.filter((e) => e.event === 'oversized')
  t.equal(told.length, 1, 'events about it')
  t.equal(told[0].service, 'dns', 'the service')
  t.ok(told[0].listen.endsWith(`:${client.ports[0]}`) && told[0].datagrams >= 1 && told[0].most >= 2246, JSON.stringify(told[0]))
  await client.program.kill()
  await t.until(() => server.program.events.some((e) => e.event === 'closed' && e.bytesFromPeer > 4000), 'the end, with its bytes')
})

t.test('a service that is not there ends no flow: it is reached once it is, and again when it is back', async () => {
  const net = await t.testnet()
  const port = await t.freePort()
  const server = await expose(net, [`udp:${port}`])
  const client = await connect(net, server.key, ['udp:0'])
  const program = await socket()
  for (let i = 0; i < 10; ++i) { program.send(Buffer.from('anybody?'), client.ports[0]); await t.sleep(20) }
  const dns = await echo(port)
  await ask(program, client.ports[0], 40)
  await new Promise((resolve) => dns.socket.close(resolve))
  for (let i = 0; i < 10; ++i) { program.send(Buffer.from('anybody?'), client.ports[0]); await t.sleep(20) }
  const again = await echo(port)
  await ask(program, client.ports[0], 40)
  t.equal(again.heard[0].from.port, dns.heard[0].from.port, 'the socket of the flow')
  t.equal(client.program.events.filter((e) => e.event === 'connection').length, 1, 'connections')
})

t.test('datagrams for a port of this machine at which nobody listens are told of, once for all clients of a minute', async () => {
  const net = await t.testnet()
  const port = await t.freePort()
  const says = `service game: udp:localhost:${port}: Connection refused; peers cannot use it until something listens there`
  const told = (program) => program.warned.filter((e) => e.message === says).length
  const named = await expose(net, [`game=udp:${port}`])
  await t.until(() => told(named.program) === 1, 'the start')

  const file = path.join(t.scratch, 'nobody.toml')
  fs.writeFileSync(file, `identity = "${path.join(t.scratch, 'nobody')}"\nbootstrap = "${net.bootstrap}"\n[[expose]]\nservices = ["game=udp:${port}"]\n`)
  const up = t.hsfwd(['up', '-c', file, '--json'])
  const { publicKey } = await up.event('listening')
  t.equal(told(up), 0, 'of a file that is checked otherwise')
  for (let i = 0; i < 2; ++i) {
    const client = await connect(net, publicKey, ['udp:0'])
    const program = await socket()
    await t.until(() => { program.send(Buffer.from('anybody?'), client.ports[0]); return up.events.filter((e) => e.event === 'connection').length > i }, 'a client')
    await client.program.kill()
  }
  await t.until(() => told(up) === 1, 'the first')
  const health = async () => (await t.run(['status', '-c', file, '--json'])).program.events[0].health.map((e) => `${e.code} ${e.why}`).join()
  t.equal(await health(), 'SERVICE_SILENT Connection refused', 'the state')
  await echo(port)
  t.equal(await health(), '', 'once somebody listens')
  t.equal(told(up), 1, 'no more')
})

t.test('a flow goes after its idle time, with its socket, and a service that speaks late reaches it before', async () => {
  const net = await t.testnet()
  const dns = await echo()
  const server = await expose(net, [`udp:${dns.port}`], ['--udp-idle', '4'])
  const client = await connect(net, server.key, ['udp:0'], ['--udp-idle', '60'])
  const program = await socket()
  const files = t.openFiles(server.program.pid())
  await ask(program, client.ports[0], 40)
  t.ok(t.openFiles(server.program.pid()) > files, 'a socket of the flow')
  for (let i = 0; i < 3; ++i) {
    await t.sleep(2500)
    dns.send(`late ${i}`, dns.heard[0].from.port)
    await t.until(() => program.heard.some(({ message }) => message.toString() === `late ${i}`), 'what the service said late')
  }
  await t.until(() => t.openFiles(server.program.pid()) === files, 'the socket of the flow to go')
  await ask(program, client.ports[0], 41)
})

t.test('what is UDP is not reached as TCP, nor the reverse, and one line says so', async () => {
  const net = await t.testnet()
  const dns = await echo()
  const hello = await t.service((socket) => socket.end('hello'))
  const server = await expose(net, [`web=${hello.port}`, `dns=udp:${dns.port}`])
  const client = await connect(net, server.key, ['udp:0:web', '0:dns'])
  const told = (what) => client.program.event('error', { matches: (e) => e.message === `${what}; listening anyway` })
  await told("the peer's service 'web' is TCP; leave out udp:")
  await told("the peer's service 'dns' is UDP; connect with -L udp:PORT:dns")
  const program = await socket()
  program.send(Buffer.from('hello?'), client.ports[0])
  const wrong = await client.program.event('error', { matches: (e) => /is TCP.*udp:$/.test(e.message) })
  t.equal(wrong.message, "the peer's service 'web' is TCP; leave out udp:", 'of TCP')
  await t.readAll(await t.connect(client.ports[1])).catch(() => {})
  const other = await client.program.event('error', { matches: (e) => /is UDP.*:dns$/.test(e.message) })
  t.equal(other.message, "the peer's service 'dns' is UDP; connect with -L udp:PORT:dns", 'of UDP')
  const pipe = await t.run(['pipe', server.key, 'dns', '--bootstrap', net.bootstrap], { input: '' })
  t.ok(/'dns' is UDP/.test(pipe.stderr) && pipe.code !== 0, `pipe says so: ${pipe.stderr}`)
})

t.test('TCP and UDP of a port in one word, on either side, with a name and without', async () => {
  const net = await t.testnet()
  const port = await t.freePort()
  await echo(port)
  const tcp = http.createServer((request, response) => response.end('hello'))
  await new Promise((resolve) => tcp.listen(port, '127.0.0.1', resolve))
  t.cleanups.push(() => new Promise((resolve) => tcp.close(resolve)))
  const other = await t.service((socket) => socket.end('other'))
  const server = await expose(net, [`dns=tcp+udp:127.0.0.1:${port}`, `web=${other.port}`])
  t.equal(JSON.stringify((await server.program.event('listening')).services), '["dns","web"]', 'services')
  const program = await socket()
  for (const service of ['', ':dns']) {
    const local = await t.freePort()
    const client = t.hsfwd(['connect', server.key, '-L', `tcp+udp:${local}${service}`, '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
    await t.until(() => client.events.filter((e) => e.event === 'ready').length === 2, 'both ready')
    await ask(program, local, 40)
    t.equal(await (await fetch(`http://127.0.0.1:${local}/`)).text(), 'hello', `TCP at '${service}'`)
    await client.kill()
  }
  const pipe = await t.run(['pipe', server.key, 'dns', '--bootstrap', net.bootstrap], { input: 'GET / HTTP/1.0\r\n\r\n' })
  t.ok(pipe.stdout.endsWith('hello'), `what pipe gets: ${pipe.stdout}${pipe.stderr}`)
})

t.test('TCP and UDP of a port in one word of a file: check, status, and a reload that leaves one', async () => {
  const net = await t.testnet()
  const dns = await echo()
  const port = await t.freePort()
  const file = path.join(t.scratch, 'both.toml')
  const identity = path.join(t.scratch, 'both.key')
  const { key } = JSON.parse((await t.run(['keygen', '--identity', identity, '--json'])).stdout)
  const write = (service, listen) => fs.writeFileSync(file, `bootstrap = ["${net.bootstrap}"]\n` +
    `[[expose]]\nidentity = "${identity}"\nservices = ["dns=${service}:${dns.port}"]\n` +
    `[[connect]]\npeer = "${key}"\nlisten = ["${listen}:${port}:dns"]\nudp_idle = 100\n`)
  write('tcp+udp', 'tcp+udp')
  const valid = JSON.parse((await t.run(['check', '-c', file, '--json'])).stdout.trim().split('\n').pop())
  t.equal([valid.services, valid.forwards].join(), '2,2', 'services and local addresses')
  const up = t.hsfwd(['up', '-c', file, '--json'])
  await up.event('listening')
  const program = await socket()
  await ask(program, port, 30)
  const status = async () => JSON.parse((await t.run(['status', '-c', file, '--json'])).stdout)
  const places = async () => {
    const { exposes, connects } = await status()
    return [...exposes[0].services.map(({ target }) => target), ...connects.map(({ listen }) => listen)].join()
  }
  t.equal(await places(), `localhost:${dns.port},udp:localhost:${dns.port},127.0.0.1:${port},udp:127.0.0.1:${port}`, 'in status')
  write('udp', 'udp')
  t.equal((await t.run(['reload', '-c', file])).code, 0, 'exit code of reload')
  await ask(program, port, 31)
  t.equal(await places(), `udp:localhost:${dns.port},udp:127.0.0.1:${port}`, 'in status')
})

t.test('mistakes are one line each', async () => {
  const key = 'y'.repeat(52)
  const cases = [
    [['expose', '53/udp'], /'53\/udp': write udp:53$/],
    [['expose', 'udp:[::1]:53'], /UDP goes over IPv4 only$/],
    [['expose', 'udp:unix:/run/x'], /a unix socket has no UDP$/],
    [['expose', 'udp:dns'], /'dns' is not a valid port \(1-65535\)$/],
    [['expose', 'udp:53', 'tcp+udp:53'], /two services are called '53'; give one another name: NAME=udp:53$/],
    [['expose', 'tcp+udp:53,proxy'], /UDP has no header of the PROXY protocol$/],
    [['expose', 'tcp+udp:unix:/run/x'], /a unix socket has no UDP$/],
    [['connect', key, '-L', 'tcp+udp:[::1]:53'], /UDP goes over IPv4 only$/],
    [['expose', '53', '--udp-idle', '300'], /--udp-idle applies to UDP, and no TARGET is$/],
    [['expose', 'udp:53', '--udp-idle', '0'], /--udp-idle 0: must be 1 to 86400$/],
    [['connect', key, '-L', 'udp:[::]:53'], /UDP goes over IPv4 only$/],
    [['connect', key, '-L', 'udp:host:53:dns'], /'host' is not an IPv4 address/],
    [['connect', key, '-L', 'udp:dns'], /'dns' is not \[BIND:\]PORT\[:SERVICE\]$/]
  ]
  for (const [args, says] of cases) {
    const { code, stderr } = await t.run(args)
    t.equal(code, 2, `exit code of ${args.join(' ')}`)
    t.ok(says.test(stderr.trim()) && !stderr.trim().includes('\n'), `${args.join(' ')}: ${stderr}`)
  }
  const taken = await socket()
  const busy = await t.run(['connect', key, '-L', `udp:${taken.port}`])
  t.ok(/cannot listen on udp:127\.0\.0\.1:\d+: Address already in use/.test(busy.stderr), busy.stderr)
})

t.test('through up: a file, status, peers, and a reload that leads elsewhere', async () => {
  const net = await t.testnet()
  const [one, two] = [await echo(), await echo()]
  const server = await expose(net, [`one=udp:${one.port}`, `two=udp:${two.port}`])
  const port = await t.freePort()
  const file = path.join(t.scratch, 'udp.toml')
  const write = (service, more = '') => fs.writeFileSync(file,
    `bootstrap = ["${net.bootstrap}"]\nidentity = "${path.join(t.scratch, 'udp-up.key')}"\n` +
    `[peer.there]\nkey = "${server.key}"\n[[connect]]\npeer = "there"\nlisten = ["udp:${port}:${service}", "${port}:one"]\n${more}`)
  write('one', 'udp_idle = 100\n')
  t.equal((await t.run(['check', '-c', file])).code, 0, 'exit code of check')
  const up = t.hsfwd(['up', '-c', file, '--json'])
  await up.event('ready', { matches: (e) => e.listen.startsWith('udp:') })
  const program = await socket()
  await ask(program, port, 30)
  t.equal(two.heard.length, 0, 'heard by the other')
  const status = JSON.parse((await t.run(['status', '-c', file, '--json'])).stdout)
  const entry = status.connects.find((c) => c.listen === `udp:127.0.0.1:${port}`)
  t.equal(entry.flows, 1, 'flows')
  t.equal(entry.connections, 1, 'connections')
  t.ok(entry.bytesToPeer >= 30, 'bytes')
  t.equal(entry.drops.length, 0, 'what was dropped')
  program.send(crypto.randomBytes(8000), port)
  await t.until(async () => {
    const { connects } = JSON.parse((await t.run(['status', '-c', file, '--json'])).stdout)
    return connects.some((c) => c.drops?.some((d) => d.reason === 'too_large' && d.datagrams === 1))
  }, 'what was too large to be counted')
  const shown = (await t.run(['status', '-c', file])).stdout
  t.ok(shown.includes(`udp:127.0.0.1:${port}: datagrams dropped: 1 too large`), shown)
  const told = (await t.run(['status', '-c', file])).stdout
  t.ok(told.includes(`udp:127.0.0.1:${port}`) && told.includes('1, 1 flow'), told)
  t.ok(JSON.parse((await t.run(['peers', '-c', file, '--json'])).stdout).connections.some((c) => c.service === 'one'), 'in peers')
  write('two')
  t.equal((await t.run(['reload', '-c', file])).code, 0, 'exit code of reload')
  await ask(program, port, 31)
  t.ok(two.heard.length > 0, 'the other is asked now')
})

t.test('iperf3 sends UDP through it', async () => {
  const found = await new Promise((resolve) => execFile('iperf3', ['--version'], (error) => resolve(!error)))
  if (!found) t.skip('no iperf3')
  const net = await t.testnet()
  const port = await t.freePort()
  const server = spawn('iperf3', ['-s', '-1', '-B', '127.0.0.1', '-p', String(port)])
  t.cleanups.push(() => server.kill('SIGKILL'))
  const exposed = await expose(net, [`tcp=${port}`, `udp=udp:${port}`])
  // Control goes over TCP, on the same port.
  const local = await t.freePort()
  await connect(net, exposed.key, [`${local}:tcp`, `udp:${local}:udp`])
  const { error, stdout, stderr } = await new Promise((resolve) => execFile('iperf3',
    ['-c', '127.0.0.1', '-p', String(local), '-u', '-b', '20M', '-t', '2', '-l', '1400', '--json'], { timeout: 30000 },
    (error, stdout, stderr) => resolve({ error, stdout, stderr })))
  t.ok(!error, `iperf3: ${stdout} ${stderr}`)
  const { sum } = JSON.parse(stdout).end
  t.ok(sum.packets > 1000, `packets: ${sum.packets}`)
  t.ok(sum.lost_percent < 50, `lost: ${sum.lost_percent} %`)
  return `${sum.packets} datagrams, ${sum.lost_percent.toFixed(1)} % lost`
})
