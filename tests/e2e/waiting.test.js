// SPDX-License-Identifier: Apache-2.0
// A network that does not answer: what is tried is told at once, and what came of it in time.
'use strict'
const { spawnSync } = require('node:child_process')
const dgram = require('node:dgram')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const KEY = 'a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd'
// TEST-NET-1: nobody answers there.
const NOBODY = '192.0.2.1:49737'
// Their addresses do not answer, and then their names are asked for.
const NAMED = ['192.0.2.1@first.example:49737', '192.0.2.2@second.example:49737']
const VERDICT = /no DHT node answers: nothing received from any bootstrap node within 13 s of the start \(192\.0\.2\.1@first/

let identities = 0
const commands = (bootstrap) => {
  const network = bootstrap.flatMap((node) => ['--bootstrap', node])
  const own = () => ['--identity', path.join(t.scratch, `identity-${identities++}`)]
  return [
    ['connect', KEY, '-L', '0', ...own(), ...network],
    ['expose', '80', ...own(), ...network],
    ['pipe', KEY, ...own(), ...network],
    ['ping', KEY, ...own(), ...network],
    ['why', KEY, ...own(), ...network],
    ['lookup', KEY, ...network],
    ['node', ...network],
    ['netcheck', ...network]
  ]
}

/** `up` with a file of its own. */
function up (bootstrap, ...more) {
  const file = path.join(t.scratch, `up-${identities++}.toml`)
  fs.writeFileSync(file, [
    `identity = "${path.join(t.scratch, `identity-${identities++}`)}"`,
    `bootstrap = ${JSON.stringify(bootstrap)}`,
    '[[expose]]', 'services = ["80"]'].join('\n') + '\n')
  return t.hsfwd(['up', '-c', file, ...more])
}

/** A resolver that finds name servers which take every question and answer none. */
async function silentNameServers () {
  const servers = [...fs.readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+([\d.]+)\s*$/gm)].map((match) => match[1])
  if (servers.length === 0 || process.getuid() !== 0) t.skip('there is no name server that could be played here')
  for (const server of servers) {
    if (!server.startsWith('127.')) spawnSync('ip', ['address', 'add', `${server}/32`, 'dev', 'lo'])
    const socket = dgram.createSocket('udp4')
    t.cleanups.push(() => new Promise((resolve) => socket.close(resolve)))
    await new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(53, server, resolve)
    }).catch((error) => t.skip(`no name server on ${server}: ${error.message}`))
  }
}

t.test('what is tried is told before it has failed: on standard error, as an event, or not at all', async () => {
  await Promise.all(commands([NOBODY]).map(async (command) => {
    const text = await t.run(command)
    t.equal(text.code, 75, `exit code of ${command[0]}: ${text.stderr}`)
    const first = `hsfwd: still waiting for a bootstrap node to answer: ${NOBODY}\n`
    t.ok(text.program.said.startsWith(first), `${command[0]} says first: ${text.program.said}`)

    const json = await t.run([...command, '--json'])
    t.equal(json.code, 75, `exit code of ${command[0]} --json`)
    const waiting = json.program.tried[0]
    if (['pipe', 'netcheck', 'lookup'].includes(command[0])) {
      if (command[0] === 'pipe') t.equal(json.stdout, '', 'standard output of a pipe')
      else t.ok(!/waiting/.test(json.stdout), `a result and nothing else: ${json.stdout}`)
      t.ok(json.program.said.startsWith(first), `a pipe tells nobody but standard error: ${json.program.said}`)
    } else {
      t.equal(JSON.stringify(waiting), JSON.stringify({ event: 'waiting', for: 'network', text: `waiting for a bootstrap node to answer: ${NOBODY}`, bootstrap: [NOBODY] }), `event of ${command[0]}`)
      t.ok(!/^hsfwd: still/m.test(json.program.said), `once: ${json.program.said}`)
    }

    for (const more of [[], ['--json']]) {
      const quiet = await t.run([...command, '-q', ...more])
      t.equal(quiet.code, 75, `exit code of ${command[0]} -q`)
      t.ok(!/still/.test(quiet.program.said), `${command[0]} -q says ${quiet.program.said}`)
      t.ok(quiet.program.tried.length === 0, `events of ${command[0]} -q`)
    }
  }))
})

t.test('a name server that is silent puts off neither the verdict nor the end', async () => {
  await silentNameServers()
  const patient = up(NAMED)
  await Promise.all(commands(NAMED).map(async (command) => {
    const { code, program, stderr, stdout } = await t.run(command)
    t.equal(code, 75, `exit code of ${command[0]}: ${stderr}`)
    t.ok(program.said.startsWith('hsfwd: still waiting for a bootstrap node'), `${command[0]} says first: ${program.said}`)
    if (command[0] === 'netcheck') {
      t.ok(/192\.0\.2\.1@first\.example:49737 +no answer/.test(stdout), `of whom netcheck tells: ${stdout}`)
    } else {
      t.ok(VERDICT.test(command[0] === 'why' ? stdout : stderr), `${command[0]} says: ${stderr}${stdout}`)
    }
  }))
  await t.until(() => VERDICT.test(patient.stderr), 'up to tell of it')
  t.ok(/still trying: no DHT node answers/m.test(patient.stderr), `up says ${patient.stderr}`)
  t.equal(patient.code, undefined, 'exit code of up, which goes on')
  // Two name servers, or one that is asked twice, are longer silent than that.
  await t.within(8000, 'up to end', patient.kill())
  t.equal(patient.code, 143, 'exit code')
})

t.test('a network that was only slow to answer is one', async () => {
  const net = await t.testnet(4)
  net.program.child.kill('SIGSTOP')
  t.cleanups.push(() => net.program.child.kill('SIGCONT'))
  const client = t.hsfwd(['connect', KEY, '-L', '0', '--bootstrap', net.bootstrap, '--identity', path.join(t.scratch, 'looking'), '--json'])
  t.equal((await client.event('waiting')).for, 'network', 'what is waited for')
  net.program.child.kill('SIGCONT')
  t.equal((await client.event('error')).code, 'PEER_NOT_FOUND', 'what comes of it')
  t.equal(await client.exited, 69, 'exit code')
})

t.test('a bootstrap node that does not run, at a port that is ours by then, is no network', async () => {
  // The usual port, which a program of ours takes if it is free: in a network of its own it is.
  const own = '127.0.0.1:49737'
  for (const command of [['lookup', 'a'.repeat(64)], ['expose', '22']]) {
    const result = await t.run([...command, '--bootstrap', own])
    t.equal(result.code, 75, `exit code of ${command[0]}: ${result.stderr}`)
  }
})
