// SPDX-License-Identifier: Apache-2.0
// How connections end: whoever says something last is heard, whatever happens to the other direction, and an
// orderly end is one on both sides.
'use strict'
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const KILOBYTE = 1024

async function expose (net, targets) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await program.event('listening')
  return { program, key: publicKey, closed: () => program.events.filter((e) => e.event === 'closed') }
}

async function connect (net, key) {
  const program = t.hsfwd(['connect', key, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  const { listen } = await program.event('ready')
  return { program, port: Number(listen.split(':')[1]) }
}

function pipe (net, key, options = {}) {
  return t.hsfwd(['pipe', key, '--name', 'client', '--bootstrap', net.bootstrap], { stdin: 'pipe', ...options })
}

/** Answers lines, and ends at the end of its input. */
function lines () {
  return t.service((socket) => {
    let rest = ''
    socket.on('data', (data) => {
      const all = (rest + data).split('\n')
      rest = all.pop()
      for (const line of all) socket.write(`bar:${line}\n`)
    })
    socket.on('end', () => socket.end())
  })
}

t.test('a service that answers before it has read the upload, and closes: the answer arrives, each time', async () => {
  const net = await t.testnet()
  const head = 'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n'
  for (const size of [9, 40 * KILOBYTE]) {
    const answer = head + 'x'.repeat(size)
    // With the upload unread the close is a reset.
    const service = await t.service((socket) => {
      socket.once('data', () => {
        socket.pause()
        socket.write(answer, () => socket.destroy())
      })
    })
    const server = await expose(net, [service.port])
    const client = await connect(net, server.key)
    const upload = crypto.randomBytes(512 * KILOBYTE)
    const one = async () => {
      const socket = await t.connect(client.port)
      let heard = 0
      const over = new Promise((resolve) => socket.on('close', resolve))
      socket.on('data', (data) => {
        heard += data.length
        if (heard >= answer.length) socket.destroy()  // has what it wanted
      })
      const send = () => { while (socket.writable && socket.write(upload)); }
      socket.on('drain', send)
      socket.write('PUT / HTTP/1.1\r\n\r\n')
      send()
      await t.within(30000, 'the end of the connection', over)
      t.equal(heard, answer.length, `${size} bytes: what was heard of the answer`)
    }
    for (let round = 0; round < 5; round++) await Promise.all([one(), one(), one(), one()])
    await t.until(() => server.closed().length === 20, 'all closed at the server')
    await client.program.kill()
    await server.program.kill()
  }
})

t.test('a client that goes on sending after the service has ended and gone: the answer, then failing writes', async () => {
  const net = await t.testnet()
  const service = await t.service((socket) => {
    socket.end('goodbye')
    socket.on('finish', () => socket.destroy())
  })
  const server = await expose(net, [service.port])
  const client = await connect(net, server.key)
  const socket = await t.connect(client.port)
  let heard = ''
  let ended = false
  let failed = false
  socket.on('data', (data) => { heard += data })
  socket.on('end', () => { ended = true })
  socket.on('close', () => { failed = true })
  await t.until(() => ended, 'the end of the answer')
  t.equal(heard, 'goodbye', 'the answer')
  await t.until(() => {
    if (!failed) socket.write('more')
    return failed
  }, 'a write to fail')
  const closed = await server.program.event('closed')
  t.ok(/^local connection: /.test(closed.reason), `the server says why: ${closed.reason}`)
})

t.test('pipe goes on sending to who has ended its own direction', async () => {
  const net = await t.testnet()
  const received = []
  const sink = await t.service((socket) => {
    socket.end()
    socket.on('data', (data) => received.push(data))
  })
  const server = await expose(net, [sink.port])
  const client = pipe(net, server.key)
  const ended = new Promise((resolve) => client.child.stdout.on('end', resolve))
  const size = () => received.reduce((sum, data) => sum + data.length, 0)
  const bytes = crypto.randomBytes(200000)
  client.child.stdin.write(bytes.subarray(0, 100000))
  await t.until(() => size() === 100000, 'the first half')
  await t.within(10000, 'the end of its output', ended)
  // A producer that pauses.
  await t.sleep(1500)
  client.child.stdin.end(bytes.subarray(100000))
  t.equal(await client.exited, 0, `exit code; it said ${client.stderr}`)
  await t.until(() => size() === bytes.length, 'the second half')
  t.ok(Buffer.concat(received).equals(bytes), 'all of it, in order')
  t.equal((await server.program.event('closed')).reason, '', 'an orderly end')
})

t.test('pipe says that what it sent could not be delivered, and fails', async () => {
  const net = await t.testnet()
  let there
  const gone = await t.service((socket) => {
    there = socket
    socket.end()
  })
  const server = await expose(net, [gone.port])
  const client = pipe(net, server.key)
  const ended = new Promise((resolve) => client.child.stdout.on('end', resolve))
  client.child.stdout.resume()
  await t.within(10000, 'the end of its output', ended)
  there.destroy()
  client.child.stdin.on('error', () => {})
  client.child.stdin.end(crypto.randomBytes(500 * KILOBYTE))
  t.equal(await client.exited, 1, 'exit code')
  t.ok(/^hsfwd: .*local connection: .*\n$/.test(client.stderr), `one line: ${client.stderr}`)
})

t.test('pipe whose output nobody takes still delivers its input, and fails', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => {
    let size = 0
    socket.on('data', (data) => {
      size += data.length
      socket.write(data)
      if (size >= 600000) done(size)
    })
    socket.on('end', () => socket.end())
  })
  let done
  const delivered = new Promise((resolve) => { done = resolve })
  const server = await expose(net, [echo.port])
  const client = pipe(net, server.key)
  client.child.stdin.write(Buffer.alloc(300000))
  await new Promise((resolve) => client.child.stdout.once('data', resolve))
  client.child.stdout.destroy()
  client.child.stdin.end(Buffer.alloc(300000))
  t.equal(await t.within(30000, 'the whole input', delivered), 600000, 'bytes delivered')
  t.equal(await client.exited, 1, 'exit code')
  t.ok(/^hsfwd: .*\n$/.test(client.stderr), `one line: ${client.stderr}`)
})

t.test('at a terminal, pipe ends with its output', async () => {
  const net = await t.testnet()
  const service = await t.service((socket) => {
    socket.end('hello')
    socket.on('error', () => {})
  })
  const server = await expose(net, [service.port])
  // Which gives it a terminal, whose input stays open.
  const command = `${t.BINARY} pipe ${server.key} --name client --bootstrap ${net.bootstrap}`
  const terminal = new t.Program('script', ['-qec', command, '/dev/null'], { stdin: 'pipe' })
  t.equal(await t.within(10000, 'its end', terminal.exited), 0, `exit code; it said ${terminal.text()}`)
  t.ok(terminal.text().includes('hello'), 'what was heard')
  t.equal((await server.program.event('closed')).reason, '', 'an orderly end')
})

t.test('an orderly pipe is one at the server, at once', async () => {
  const net = await t.testnet()
  const service = await lines()
  const server = await expose(net, [service.port])
  const files = t.openFiles(server.program.pid())
  const count = 20
  for (let i = 0; i < count; i++) {
    const { code, stdout } = await t.run(['pipe', server.key, '--name', 'client', '--bootstrap', net.bootstrap], { input: 'x\n' })
    t.equal(stdout, 'bar:x\n', 'the answer')
    t.equal(code, 0, 'exit code')
  }
  await t.until(() => server.closed().length === count, 'all closed at the server', 3000)
  t.ok(server.closed().every((e) => e.reason === ''), 'all in order')
  await t.until(() => t.openFiles(server.program.pid()) <= files, 'all descriptors are back')
})

t.test('a pipe that is told to end: the server gets what was sent, and hears why', async () => {
  const net = await t.testnet()
  const received = []
  const sink = await t.service((socket) => socket.on('data', (data) => received.push(data)))
  const server = await expose(net, [sink.port])
  for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130], ['SIGHUP', 129]]) {
    received.length = 0
    const before = server.closed().length
    const client = pipe(net, server.key)
    client.child.stdin.write('half a sentence')
    await t.until(() => Buffer.concat(received).toString() === 'half a sentence', 'what was sent')
    t.equal(await client.kill(signal), code, 'exit code')
    await t.until(() => server.closed().length > before, `${signal}: closed at the server`, 3000)
    const { reason } = server.closed().at(-1)
    t.ok(/^the peer closed the connection: hsfwd is shutting down$/.test(reason), `${signal}: ${reason}`)
  }
})

t.test('as ssh ends its ProxyCommand, with the end of the input and SIGHUP together: the last words, and an orderly end', async () => {
  const net = await t.testnet()
  let heard = ''
  // Takes a moment to end after its client has, as a login shell does.
  const service = await t.service((socket) => {
    socket.on('data', (data) => { heard += data })
    socket.on('end', () => setTimeout(() => socket.end(), 50))
  })
  const server = await expose(net, [service.port])
  const count = 10
  for (let i = 0; i < count; i++) {
    heard = ''
    const client = pipe(net, server.key)
    client.child.stdin.write('hello, ')
    await t.until(() => heard === 'hello, ', 'the greeting')
    client.child.stdin.end('goodbye')
    t.equal(await client.kill('SIGHUP'), 129, 'exit code')
    await t.until(() => server.closed().length === i + 1, 'closed at the server', 5000)
    t.equal(heard, 'hello, goodbye', 'what was said')
  }
  t.equal(server.closed().map((e) => e.reason).join(), ','.repeat(count - 1), 'why they ended')
})

t.test('connect and expose that are told to end: the other side hears why', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  for (const victim of ['connect', 'expose']) {
    const server = await expose(net, [echo.port])
    const client = await connect(net, server.key)
    const socket = await t.connect(client.port)
    socket.write('x')
    await new Promise((resolve) => socket.once('data', resolve))
    const [ended, other] = victim === 'connect' ? [client.program, server.program] : [server.program, client.program]
    t.equal(await ended.kill('SIGTERM'), 143, 'exit code')
    const { reason } = await other.event('closed', { timeout: 10000 })
    t.ok(/^the peer closed the connection: hsfwd is shutting down$/.test(reason), `${victim}: ${reason}`)
    await other.kill()
  }
})

t.test('a service that refuses: pipe always says so', async () => {
  const net = await t.testnet()
  const port = await t.freePort()
  const server = await expose(net, [port])
  // With an input that goes on, so that only the reset ends it.
  const one = async () => {
    const client = pipe(net, server.key)
    client.child.stdin.write('x\n')
    client.child.stdin.on('error', () => {})
    t.equal(await client.exited, 1, `exit code; it said ${client.stderr}`)
    t.equal(client.stderr, `hsfwd: the peer closed the connection: service ${port}: Connection refused\n`, 'what it said')
  }
  for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 6 }, one))
})

t.test('ssh, scp, rsync and git through pipe: each session ends in order', async () => {
  const which = (...names) => names.find((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0)
  const sshd = which('sshd', '/usr/sbin/sshd')
  if (!sshd || !which('ssh')) t.skip('there are no sshd and ssh')
  const net = await t.testnet()
  const home = fs.mkdtempSync(path.join(t.scratch, 'ssh-'))
  for (const name of ['host', 'user']) {
    const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(home, name)])
    t.equal(made.status, 0, 'ssh-keygen')
  }
  const config = path.join(home, 'sshd_config')
  const port = await t.freePort()
  fs.writeFileSync(config, [
    `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${home}/host`, `AuthorizedKeysFile ${home}/user.pub`, 'PidFile none',
    'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'Subsystem sftp internal-sftp', `SetEnv PATH=${process.env.PATH}`, ''].join('\n'))
  if (process.getuid() === 0) fs.mkdirSync('/run/sshd', { recursive: true })
  const daemon = new t.Program(which(sshd) && spawnSync('sh', ['-c', `command -v ${sshd}`]).stdout.toString().trim(), ['-D', '-e', '-f', config])
  await t.until(() => /Server listening/.test(daemon.stderr) || daemon.code !== undefined, 'sshd')
  if (daemon.code !== undefined) t.skip(`sshd does not run: ${daemon.stderr.trim().split('\n').pop()}`)
  const server = await expose(net, [`ssh=${port}`])
  const options = ['-F', 'none', '-i', path.join(home, 'user'), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
    '-o', 'LogLevel=ERROR', '-o', `ProxyCommand=${t.BINARY} pipe ${server.key} ssh --bootstrap ${net.bootstrap} --name client`]
  const command = ['ssh', ...options.map((word) => `'${word}'`)].join(' ')
  const file = path.join(home, 'file')
  fs.writeFileSync(file, crypto.randomBytes(300 * KILOBYTE))
  const repository = path.join(home, 'repository')
  const sessions = [
    ['ssh', ['ssh', ...options, 'peer', 'cat'], { input: fs.readFileSync(file) }],
    ['scp', ['scp', ...options, file, `peer:${file}.scp`]],
    ['rsync', ['rsync', '-e', command, file, `peer:${file}.rsync`]],
    ['git', ['git', 'clone', '-q', `peer:${repository}`, path.join(home, 'clone')]]
  ].filter(([name]) => which(name))
  if (which('git')) {
    const made = spawnSync('sh', ['-c', `git init -q ${repository} && cd ${repository} && cp ${file} . && git add file && ` +
      'git -c user.name=x -c user.email=x commit -qm file'])
    t.equal(made.status, 0, `git: ${made.stderr}`)
  }
  const env = { XDG_STATE_HOME: t.scratch, XDG_CACHE_HOME: t.scratch, GIT_SSH_COMMAND: command }
  const run = ([name, [program, ...args], { input } = {}]) => new Promise((resolve) => {
    const session = new t.Program(program, args, { stdin: 'pipe', env })
    session.child.stdin.end(input)
    session.exited.then((code) => resolve({ name, code, session }))
  })
  const rounds = 5
  for (let i = 0; i < rounds; i++) {
    fs.rmSync(path.join(home, 'clone'), { recursive: true, force: true })
    for (const session of sessions) {
      const { name, code, session: { stderr, stdout } } = await run(session)
      t.equal(code, 0, `${name}, which said: ${stderr}`)
      if (name === 'ssh') t.equal(Buffer.concat(stdout).length, 300 * KILOBYTE, 'what ssh brought back')
    }
  }
  const count = rounds * sessions.length
  await t.until(() => server.closed().length === count, 'all closed at the server', 5000)
  const reasons = server.closed().map((e) => e.reason).filter((reason) => reason !== '')
  t.equal(reasons.join(), '', 'sessions that did not end in order')
  return `${count} sessions: ${sessions.map(([name]) => name).join(', ')}`
})
