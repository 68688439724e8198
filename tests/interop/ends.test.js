// SPDX-License-Identifier: Apache-2.0
// How the program takes the end of a connection to a peer that has agreed to seal it: JavaScript that sends
// the block of an hsfwd, and then ends as upstream does, which everybody on the way can do as well.
'use strict'
const DHT = require('hyperdht')
const messages = require('hyperdht/lib/messages')
const t = require('../support/harness')
const peers = require('./peers')

// "hsfwd", version 1, then features 2 (sealed end), service "svc", services ["svc"]; docs/protocol/forward.md.
const BLOCK = Buffer.from('6873667764' + '01' + '0a' + '02' + '03737663' + '01' + '03737663', 'hex')
const CUT = 'the connection was cut before its end'

const { preencode, encode } = messages.noisePayload
messages.noisePayload.preencode = (state, payload) => {
  preencode(state, payload)
  state.end += BLOCK.length
}
messages.noisePayload.encode = (state, payload) => {
  encode(state, payload)
  BLOCK.copy(state.buffer, state.start)
  state.start += BLOCK.length
}

/** From here on the socket says that there is nothing behind what it has written, when it ends. */
function sealEnd (socket) {
  const final = socket._final
  socket._final = (done) => {
    const body = socket._encrypt.final()
    socket.rawStream.write(Buffer.concat([Buffer.from([body.length, 0, 0]), body]))
    final.call(socket, done)
  }
}

/** What comes next on a stream, as text. */
async function next (stream, what) {
  const data = await t.within(10000, what, new Promise((resolve) => stream.once('data', resolve)))
  return String(data)
}

/** A server that answers a question, and when it hears of that ends, sealed or not. */
async function javascriptServer (net, { text, sealed }) {
  const server = peers.node(net).createServer((socket) => {
    socket.on('error', () => {})
    if (sealed) sealEnd(socket)
    socket.once('data', () => {
      socket.write(text)
      socket.once('data', () => socket.end())
    })
  })
  const keys = DHT.keyPair()
  await server.listen(keys)
  return keys.publicKey.toString('hex')
}

/** How a stream of ours ended: "end" or the code of its error. */
function outcome (stream) {
  return new Promise((resolve) => {
    stream.resume()
    stream.on('end', () => resolve('end'))
    stream.on('error', (error) => resolve(error.code))
  })
}

for (const sealed of [true, false]) {
  const how = sealed ? 'sealed is an end' : 'not sealed is a cut'

  t.test(`pipe: an end that is ${how}`, async () => {
    const net = await peers.ownNetwork()
    const key = await javascriptServer(net, { text: 'half of it', sealed })
    const pipe = t.hsfwd(['pipe', key, '--bootstrap', net.bootstrap], { stdin: 'pipe' })
    pipe.child.stdin.write('the question')
    await next(pipe.child.stdout, 'the answer')
    pipe.child.stdin.end('heard')
    await t.within(20000, 'the pipe to end', pipe.exited)
    t.equal(pipe.code, sealed ? 0 : 1, 'exit code')
    t.equal(pipe.stderr.includes(CUT), !sealed, `the reason in ${JSON.stringify(pipe.stderr)}`)
    if (!sealed) t.equal(pipe.stderr.trim().split('\n').length, 1, 'lines of the reason')
  })

  t.test(`connect: an end that is ${how}`, async () => {
    const net = await peers.ownNetwork()
    const key = await javascriptServer(net, { text: 'half of it', sealed })
    const { port, program } = await peers.connect(net, key)
    const local = await t.connect(port)
    local.write('the question')
    t.equal(await next(local, 'the answer'), 'half of it', 'the answer')
    local.write('heard')
    t.equal(await t.within(10000, 'the end', outcome(local)), sealed ? 'end' : 'ECONNRESET', 'how it ends')
    local.end()
    t.equal((await program.event('closed')).reason, sealed ? '' : CUT, 'the reason')
  })

  t.test(`expose: an end that is ${how}`, async () => {
    const net = await peers.ownNetwork()
    let served
    const ending = new Promise((resolve) => { served = resolve })
    const { port } = await t.service((socket) => {
      outcome(socket).then((how) => served({ socket, how }))
      socket.once('data', () => socket.write('heard'))
    })
    const { key, program } = await peers.expose(net, [`svc=${port}`])
    const socket = peers.node(net).connect(Buffer.from(key, 'hex'))
    socket.on('error', () => {})
    if (sealed) sealEnd(socket)
    socket.write('half of it')
    t.equal(await next(socket, 'an answer'), 'heard', 'the answer')
    socket.end()
    const { socket: taken, how: ended } = await t.within(10000, 'the end', ending)
    t.equal(ended, sealed ? 'end' : 'ECONNRESET', 'how it ends')
    taken.end()
    socket.resume()
    t.equal((await program.event('closed')).reason, sealed ? '' : CUT, 'the reason')
  })
}
