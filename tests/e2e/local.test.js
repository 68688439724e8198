// SPDX-License-Identifier: Apache-2.0
// The local side of a tunnel, and what whoever starts the program has decided already.
'use strict'
const t = require('../support/harness')

async function expose (network, targets, more = [], options = {}) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', network.bootstrap, '--json', ...more], options)
  const { publicKey } = await program.event('listening')
  return { program, key: publicKey }
}

async function connect (network, key, specs, more = []) {
  const words = specs.flatMap((spec) => ['-L', spec])
  const program = t.hsfwd(['connect', key, ...words, '--name', 'client', '--bootstrap', network.bootstrap, '--json', ...more])
  const { listen } = await program.event('ready')
  return { program, port: Number(listen.split(':').pop()) }
}

async function heard (port, host = '127.0.0.1') {
  const socket = await t.connect(port, { host })
  const text = (await t.readAll(socket)).toString()
  socket.end()
  return text
}

/** Whether ::1 is there at all. */
async function hasLoopback6 () {
  try {
    const { stop } = await t.service(() => {}, { host: '::1' })
    await stop()
    return true
  } catch {
    return false
  }
}

t.test('a bare port is this machine: a service that listens at ::1 only is reached, and one at 127.0.0.1 only', async () => {
  if (!await hasLoopback6()) t.skip('there is no ::1 here')
  const network = await t.testnet()
  const six = await t.service((socket) => socket.end('six'), { host: '::1' })
  const four = await t.service((socket) => socket.end('four'))
  const server = await expose(network, [`six=${six.port}`, `four=${four.port}`, `named=localhost:${six.port}`])
  for (const [service, says] of [['six', 'six'], ['four', 'four'], ['named', 'six']]) {
    const { program, port } = await connect(network, server.key, [`0:${service}`])
    t.equal(await heard(port), says, `what ${service} says`)
    await program.kill()
  }
})

t.test('-L with a name listens at every address that it has, at one port', async () => {
  if (!await hasLoopback6()) t.skip('there is no ::1 here')
  const network = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const server = await expose(network, [hello.port])
  const { program, port } = await connect(network, server.key, ['localhost:0'])
  t.equal(await heard(port, '127.0.0.1'), 'hello', 'by IPv4')
  t.equal(await heard(port, '::1'), 'hello', 'by IPv6')
  await program.kill()
  // Half of it would lead who comes by the other half to somebody else.
  const taken = await t.service(() => {}, { host: '::1' })
  const refused = await t.run(['connect', server.key, '-L', `localhost:${taken.port}`, '--name', 'client', '--bootstrap', network.bootstrap])
  t.equal(refused.code, 1, 'exit code')
  t.ok(/cannot listen on localhost:\d+: [Aa]ddress already in use/.test(refused.stderr), refused.stderr)
})

t.test('nohup: a hangup that is ignored at the start ends nothing; otherwise it does', async () => {
  const network = await t.testnet()
  const words = ['expose', '1', '--bootstrap', network.bootstrap, '--json']
  const program = new t.Program('sh', ['-c', 'trap "" HUP; exec "$@"', 'sh', t.BINARY, ...words])
  await program.event('listening')
  program.child.kill('SIGHUP')
  const lookup = await t.run(['lookup', program.events[0].publicKey, '--bootstrap', network.bootstrap])
  t.equal(lookup.code, 0, 'it is there still')
  t.equal(program.code, undefined, 'and runs')
  t.equal(await program.kill('SIGTERM'), 143, 'other signals are heard')
  const plain = t.hsfwd([...words, '--name', 'plain'])
  await plain.event('listening')
  t.equal(await plain.kill('SIGHUP'), 129, 'without nohup')
})
