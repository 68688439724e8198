// SPDX-License-Identifier: Apache-2.0
// A machine with a systemd of its own, see boot.
'use strict'
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('./harness')

const found = (program) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0

/** Why there can be none here, one line; empty if that is not known before trying. */
function obstacle () {
  if (process.getuid() !== 0) return 'it takes root to boot a systemd'
  const missing = ['systemctl', 'systemd-run', 'journalctl', 'nsenter', 'unshare', 'setpriv', 'dpkg', 'deb-systemd-invoke', 'ip'].filter((program) => !found(program))
  if (!fs.existsSync('/usr/lib/systemd/systemd')) missing.unshift('systemd')
  return missing.length ? `there is no ${missing.join(', no ')}` : ''
}

class Machine {
  /** Lasts for all cases of a file. Throws a Skip where it cannot be. */
  static async boot () {
    const out = new Machine()
    const folder = fs.mkdtempSync(path.join(t.scratch, 'machine-'))
    const boot = path.join(__dirname, 'boot')
    t.lastingCleanups.push(() => t.until(() => spawnSync(boot, [folder, String(out.program.pid())]).status === 0, 'its control groups to be empty'))
    out.program = new t.Program(boot, [folder], { lasting: true })
    const children = () => {
      try { return fs.readFileSync(`/proc/${out.program.pid()}/task/${out.program.pid()}/children`, 'utf8').trim() } catch { return '' }
    }
    const up = () => {
      if (out.program.code !== undefined) return true
      out.init = children().split(' ')[0]
      return /^\d+$/.test(out.init) && out.try('systemctl', 'is-active', 'test.target').stdout === 'active\n'
    }
    await t.until(up, 'systemd to be up', 30000).catch(() => {})
    if (out.program.code !== undefined || !up()) t.skip(`systemd does not come up here: ${(out.program.text() + out.program.stderr).trim().split('\n')[0]}`)
    return out
  }

  /** A file's path for this process. */
  path (file) { return path.join(`/proc/${this.init}/root`, file) }
  write (file, text) {
    fs.mkdirSync(this.path(path.dirname(file)), { recursive: true })
    fs.writeFileSync(this.path(file), text)
  }

  /** Runs a program there to its end. */
  try (program, ...args) {
    const inside = ['-t', this.init, '-m', '-p', '-n', '-u', '-i', '-C', '-r', '-w', 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root']
    const { status, stdout, stderr } = spawnSync('nsenter', [...inside, program, ...args], { timeout: 60000 })
    return { code: status, stdout: String(stdout), stderr: String(stderr) }
  }
  /** The same; what it writes. It has to succeed. */
  run (program, ...args) {
    const { code, stdout, stderr } = this.try(program, ...args)
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} (${code}): ${stdout}${stderr}`)
    return stdout
  }
  /** As a user of it. */
  as (user, program, ...args) {
    return this.try('setpriv', '--reuid', user, '--regid', user, '--init-groups', 'env', `HOME=/home/${user}`, `XDG_RUNTIME_DIR=/run/user/${user}`, program, ...args)
  }
  /** A property of a unit. */
  show (unit, property) { return this.run('systemctl', 'show', '--value', '-p', property, unit).trim() }
  /** The journal's entries of a unit's own processes, oldest first. */
  journal (unit) {
    // What has been sent is there when this returns.
    this.run('journalctl', '--sync')
    return this.run('journalctl', '-o', 'json', `_SYSTEMD_UNIT=${unit}`).split('\n').filter(Boolean).map((line) => JSON.parse(line))
  }
}

module.exports = { Machine, obstacle }
