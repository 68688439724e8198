// SPDX-License-Identifier: Apache-2.0
// An sshd for one run, and how ssh gets into it.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const t = require('./harness')

const SSHD = '/usr/sbin/sshd'
const ROOT = process.getuid() === 0

/** Why there can be none here; empty if there can. */
function unavailable () {
  for (const program of [SSHD, 'ssh', 'ssh-keygen']) {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    } catch {
      return `there is no ${program}`
    }
  }
  if (!ROOT) return '' // nor does anybody else read what tells
  const user = os.userInfo().username
  const account = fs.readFileSync('/etc/shadow', 'utf8').split('\n').find((line) => line.startsWith(`${user}:`))
  return account && account.split(':')[1].startsWith('!') ? `sshd lets nobody in whose account is locked, as that of ${user} is` : ''
}

function newKey (folder, name) {
  const file = path.join(folder, name)
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
  return { file, publicKey: fs.readFileSync(`${file}.pub`, 'utf8').trim() }
}

/** An sshd of a host (what has a `program()`) at an address and port of its, and the words with which ssh gets in by that name. */
async function startSshd (at, address, name, port = 22) {
  const folder = fs.mkdtempSync(path.join(t.scratch, 'ssh-'))
  const [host, user] = [newKey(folder, 'host'), newKey(folder, 'user')]
  const [config, known] = ['config', 'known'].map((file) => path.join(folder, file))
  fs.writeFileSync(config, `ListenAddress [${address}]:${port}
HostKey ${host.file}
AuthorizedKeysFile ${user.file}.pub
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
PidFile none
`)
  fs.writeFileSync(known, `${name} ${host.publicKey}\n`)
  // A /run of its own has the folder that root's sshd wants.
  const server = ROOT
    ? at.program('unshare', ['--mount', 'sh', '-ec', `mount -t tmpfs none /run; mkdir /run/sshd; exec ${SSHD} -D -e -f ${config}`])
    : at.program(SSHD, ['-D', '-e', '-f', config])
  await t.until(() => server.code !== undefined || server.said.includes('Server listening'), 'sshd')
  return { server, words: ['-F', 'none', '-i', user.file, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes',
    '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes', '-l', os.userInfo().username] }
}

module.exports = { startSshd, unavailable }
