// SPDX-License-Identifier: Apache-2.0
// The example of the library does what its first lines say.
'use strict'
const path = require('node:path')
const t = require('../support/harness')

const HELLO = process.env.HSFWD_HELLO ?? path.join(path.dirname(t.BINARY), 'hello')

t.test('the example\'s client hears the example\'s server', async () => {
  const net = await t.testnet()
  const server = new t.Program(HELLO, ['serve', net.bootstrap])
  const { line: key } = await server.event('line')
  const client = new t.Program(HELLO, ['ask', key, net.bootstrap])
  t.equal(await t.within(20000, 'the client to end', client.exited), 0, 'exit code')
  t.equal(client.text(), 'Hello world!\n', 'what it heard')
})

t.test('it is a tunnel\'s peer like any other', async () => {
  const net = await t.testnet()
  const server = new t.Program(HELLO, ['serve', net.bootstrap])
  const { line: key } = await server.event('line')
  const { code, stdout } = await t.run(['pipe', key, '--bootstrap', net.bootstrap], { input: '' })
  t.equal(code, 0, 'exit code')
  t.equal(stdout, 'Hello world!\n', 'what pipe heard')
})
