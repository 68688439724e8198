// SPDX-License-Identifier: Apache-2.0
// One TCP connection, each side of which sends random bytes until its standard input ends. It says `listening`, `heard` with
// each megabyte that has come, and at its end `done`, with the MD5 sums of what left and what came.
//
// Usage: tcp.js listen|connect ADDRESS PORT PACE     as fast as it goes, or 64 KB every PACE ms
'use strict'
const crypto = require('node:crypto')
const net = require('node:net')

const MEGABYTE = 1024 * 1024
const [, , role, address, port, pace] = process.argv
const say = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n')

let stopping = false
process.stdin.on('end', () => { stopping = true }).resume()

async function send (socket) {
  const sum = crypto.createHash('md5')
  while (!stopping) {
    const chunk = crypto.randomBytes(64 * 1024)
    sum.update(chunk)
    await new Promise((resolve) => socket.write(chunk, resolve))
    if (Number(pace)) await new Promise((resolve) => setTimeout(resolve, Number(pace)))
  }
  socket.end()
  return sum.digest('hex')
}

function hear (socket) {
  const sum = crypto.createHash('md5')
  let bytes = 0
  let megabytes = 0
  socket.on('data', (chunk) => {
    sum.update(chunk)
    bytes += chunk.length
    if (bytes >= (megabytes + 1) * MEGABYTE) say('heard', { megabytes: megabytes = Math.floor(bytes / MEGABYTE) })
  })
  return new Promise((resolve) => socket.on('end', () => resolve(sum.digest('hex'))))
}

async function converse (socket) {
  const [sent, heard] = await Promise.all([send(socket), hear(socket)])
  say('done', { sent, heard })
}

if (role === 'listen') {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    server.close()
    converse(socket)
  })
  server.listen(Number(port), address, () => say('listening'))
} else {
  const socket = net.connect({ host: address, port: Number(port), allowHalfOpen: true }, () => converse(socket))
}
