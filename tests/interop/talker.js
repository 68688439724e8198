// SPDX-License-Identifier: Apache-2.0
// A peer that talks without end until it is killed: as a server, or as a client.
// Usage: talker.js BOOTSTRAP_PORT [KEY]
'use strict'
const DHT = require('hyperdht')
const [port, key] = process.argv.slice(2)

const node = new DHT({ bootstrap: [{ host: '127.0.0.1', port: Number(port) }] })
const block = Buffer.alloc(64 * 1024, 7)

function talk (socket) {
  const fill = () => { while (socket.write(block)); }
  socket.on('error', () => {})
  socket.on('drain', fill)
  socket.on('data', () => {})
  fill()
}

if (key) {
  talk(node.connect(Buffer.from(key, 'hex')))
} else {
  const keyPair = DHT.keyPair()
  node.createServer(talk).listen(keyPair).then(() => console.log(keyPair.publicKey.toString('hex')))
}
