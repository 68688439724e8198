// SPDX-License-Identifier: Apache-2.0
// The programs of hypertele, as npm installs them.
'use strict'
const crypto = require('node:crypto')
const path = require('node:path')
const t = require('../support/harness')

function start (file, args) {
  return new t.Program(process.execPath, [path.join(path.dirname(require.resolve('hypertele/package.json')), file), ...args.map(String)])
}

/** `hypertele` on a port of its own. */
async function client (net, key, more = []) {
  const port = await t.freePort()
  const program = start('client.js', ['-p', port, '-s', key, '--bootstrap', net.port, ...more])
  await program.event('line', { matches: ({ line }) => line.startsWith('Server ready') })
  return { program, port }
}

/** `hypertele-server` for a local port; the key it prints. */
async function server (net, port, { seed = crypto.randomBytes(32).toString('hex'), more = [] } = {}) {
  const program = start('server.js', ['-l', port, '--seed', seed, '--bootstrap', net.port, ...more])
  const { line } = await program.event('line')
  return { program, key: line.split(' ').pop(), seed }
}

module.exports = { client, server }
