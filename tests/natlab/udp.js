// SPDX-License-Identifier: Apache-2.0
// A bare UDP socket on a host of the lab: says which port it has and what it hears from where, and sends
// what it is told to on standard input, {"to":"HOST:PORT","ttl":64,"text":"..."} a line.
'use strict'
const dgram = require('node:dgram')
const readline = require('node:readline')

const say = (event) => console.log(JSON.stringify(event))
const socket = dgram.createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  say({ event: 'heard', from: `${address}:${port}`, text: message.toString() })
})

// The TTL is the socket's: one datagram after the other.
let last = Promise.resolve()
function send ({ to, ttl = 64, text }) {
  const [host, port] = to.split(':')
  socket.setTTL(ttl)
  return new Promise((resolve) => socket.send(text, Number(port), host, resolve))
}

socket.bind(() => {
  say({ event: 'bound', port: socket.address().port })
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    last = last.then(() => send(JSON.parse(line)))
  })
})
