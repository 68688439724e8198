// SPDX-License-Identifier: Apache-2.0
// What people use between two homes while everything changes under it: a transfer and an ssh session through ten changes, and a
// port of the other side's that leads here.
'use strict'
const net = require('node:net')
const t = require('../support/harness')
const { startSshd } = require('../support/sshd')
const { SITES, UPLINKS } = require('./lab')
const { START_TIMEOUT, ours, relayed, scratchPath } = require('./peers')
const { build, place, relayOf, theLab } = require('./suite')
const { Conversation, TCP_PORT, unavailable } = require('./traffic')

// Of the transfer, each way, between two changes. 1 GB by hand: HSFWD_MEGABYTES=100, and a minute of sleep: HSFWD_SLEEP=60.
const MEGABYTES = Number(process.env.HSFWD_MEGABYTES || 3)
const SLEEP = Number(process.env.HSFWD_SLEEP || 4) * 1000
const LOCAL_TCP = 7002
const LOCAL_SSH = 2222

function run (host, ...words) {
  const [command, ...args] = ours(...words)
  return host.program(command, args)
}

/** An ssh session that says again what it is told. */
class Shell {
  constructor (host, words, port) {
    this.program = host.program('ssh', [...words, '-p', String(port), '127.0.0.1', 'cat'], { stdin: 'pipe' })
    this.program.child.stdin.on('error', () => {})
  }

  async says (line) {
    this.program.child.stdin.write(`${line}\n`)
    await t.until(() => this.program.code !== undefined || this.program.text().includes(`${line}\n`), `ssh to say ${line}`, 60000)
    t.equal(this.program.code, undefined, `ssh lives; it said ${this.program.stderr}`)
  }
}

t.test('a transfer and an ssh session through ten changes: neither notices', async () => {
  const problem = unavailable()
  if (problem) t.skip(problem)
  const lab = await theLab()
  const through = await relayOf('hsfwd')
  const site = await build(lab, (core) => ({
    server: SITES.consistent(core), client: SITES.consistent(core), hotel: UPLINKS.random(core), cafe: UPLINKS.consistent(core)
  }))
  const { server, client, hotel, cafe } = site
  const identity = () => ['--identity', scratchPath('key'), '--bootstrap', lab.bootstrap]
  const exposed = run(server, 'expose', `tcp=${TCP_PORT}`, 'ssh=22', ...identity(), ...relayed(through))
  const { publicKey } = await exposed.event('listening', { timeout: START_TIMEOUT })
  const { words } = await startSshd(server, '127.0.0.1', `[127.0.0.1]:${LOCAL_SSH}`)
  const connected = run(client, 'connect', publicKey, '-v', '-L', `${LOCAL_TCP}:tcp`, '-L', `${LOCAL_SSH}:ssh`, ...identity())
  await t.until(() => connected.events.filter(({ event }) => event === 'ready').length === 2, 'both ports', START_TIMEOUT)

  const conversation = await Conversation.between({ host: client, address: '127.0.0.1', port: LOCAL_TCP },
    { host: server, address: '127.0.0.1', port: TCP_PORT }, 15)
  const shell = new Shell(client, words, LOCAL_SSH)
  await Promise.all([conversation.goesOn(MEGABYTES), shell.says('hello')])
  let walled
  const changes = [
    ['the client\'s line gets another address', () => client.uplink.renumber()],
    ['the server\'s line gets another address', () => server.uplink.renumber()],
    ['the server\'s router forgets', () => server.uplink.reboot()],
    ['no packet gets through but over the relay', () => { walled = server.uplink.address; return client.uplink.wall(walled) }],
    ['packets get through again', () => client.uplink.wall(walled, false)],
    ['the client sleeps', async () => {
      connected.child.kill('SIGSTOP')
      await t.sleep(SLEEP)
      connected.child.kill('SIGCONT')
    }],
    ['the client goes to a hotel', () => client.move(hotel)],
    ['both lines get other addresses', () => { hotel.renumber(); server.uplink.renumber() }],
    ['the client goes to a cafe', () => client.move(cafe)],
    ['the client\'s router forgets', () => cafe.reboot()]
  ]
  const told = []
  for (const [what, change] of changes) {
    await change()
    await lab.settle()
    const start = performance.now()
    const since = () => Math.round(performance.now() - start)
    await Promise.all([conversation.goesOn(MEGABYTES), shell.says(what)])
    told.push(`${what} ${since()} ms`)
  }
  await conversation.end()
  t.equal(connected.events.filter(({ event, reason }) => event === 'closed' && reason).length, 0, 'connections that did not end by themselves')
  return told.join(', ')
})

t.test('connect -R from behind a random NAT', async () => {
  const lab = await theLab()
  const site = await place(lab, 'consistent', 'random')
  const PORT = 7100
  const service = scratchPath('sock')
  const listener = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => socket.end(`home: ${data}`))
  })
  await new Promise((resolve) => listener.listen(service, resolve))
  t.cleanups.push(() => listener.close())
  const words = ['--identity', scratchPath('key'), '--bootstrap', lab.bootstrap]
  const exposed = run(site.server, 'expose', '--permit-listen', `*: ${PORT}`, ...words)
  const { publicKey } = await exposed.event('listening', { timeout: START_TIMEOUT })
  const client = run(site.client, 'connect', publicKey, '-R', `${PORT}:unix:${service}`, '--identity', scratchPath('key'), '--bootstrap', lab.bootstrap)
  await client.event('ready', { timeout: START_TIMEOUT })
  const visitor = site.server.program('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${PORT}; echo hello >&3; cat <&3`])
  await t.within(30000, 'the visitor', visitor.exited)
  t.equal(visitor.text(), 'home: hello\n', 'what the visitor hears')
})
