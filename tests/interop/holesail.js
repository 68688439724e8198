// SPDX-License-Identifier: Apache-2.0
// The program of holesail, as npm installs it. It runs unmodified but for what preload.cjs lends it: it has no option for a
// network of its own.
'use strict'
const path = require('node:path')
const t = require('../support/harness')

function start (net, args) {
  const program = path.join(path.dirname(require.resolve('holesail/package.json')), 'src/bin/holesail.mjs')
  return new t.Program(process.execPath, ['--require', path.join(__dirname, 'holesail/preload.cjs'), program, ...args.map(String)],
    { env: { HOLESAIL_BOOTSTRAP_PORT: String(net.port) } })
}

/** `holesail --live`, and its connection string. */
async function server (net, port, more = []) {
  const program = start(net, ['--live', port, ...more])
  const { line } = await program.event('line', { matches: ({ line }) => line.includes('hs://') })
  return { program, url: /hs:\/\/\w+/.exec(line)[0] }
}

/** `holesail --connect` on a port of its own. */
async function client (net, url) {
  const port = await t.freePort()
  const program = start(net, ['--connect', url, '--port', port])
  await program.event('line', { matches: ({ line }) => line.includes('hs://') })
  // It says so a moment before it listens.
  await t.until(() => t.connect(port).then((socket) => { socket.destroy(); return true }, () => false), 'holesail to listen')
  return { program, port }
}

module.exports = { client, server, start }
