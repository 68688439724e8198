// SPDX-License-Identifier: Apache-2.0
// The server of the Hyperswarm workshop's first exercise. Usage: server.js PACKAGE BOOTSTRAP_PORT
'use strict'
const [name, port] = process.argv.slice(2)
const DHT = require(name)

async function main () {
  const node = new DHT({ bootstrap: [{ host: '127.0.0.1', port: Number(port) }] })
  const server = node.createServer()
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.write('Hello world!')
    socket.end()
  })
  const keyPair = DHT.keyPair()
  await server.listen(keyPair)
  console.log(keyPair.publicKey.toString('hex'))
}

main()
