// SPDX-License-Identifier: Apache-2.0
// The client of the Hyperswarm workshop's first exercise. Usage: client.js PACKAGE BOOTSTRAP_PORT KEY
'use strict'
const [name, port, key] = process.argv.slice(2)
const DHT = require(name)

const node = new DHT({ bootstrap: [{ host: '127.0.0.1', port: Number(port) }] })
const socket = node.connect(Buffer.from(key, 'hex'))
socket.on('data', (data) => process.stdout.write(data))
socket.on('end', () => socket.end())
socket.on('error', (error) => { console.error(error); process.exitCode = 1 })
socket.on('close', () => node.destroy())
