//! What the operating system knows of a process: time used and memory.

use std::fs;

/// Ticks of /proc in a second; the same on every Linux (`USER_HZ`).
const TICKS: f64 = 100.0;

/// User and system time of all threads so far, ended ones included, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64, String> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name of the program is in parentheses and may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times =
        fields.split_ascii_whitespace().skip(11).map_while(|text| text.parse::<f64>().ok());
    match (times.next(), times.next()) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS),
        _ => Err(format!("{path} cannot be read")),
    }
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("{path} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let before = cpu_seconds(pid).unwrap();
        let mut sum = 0_u64;
        while cpu_seconds(pid).unwrap() < before + 0.05 {
            sum = (0..100_000).fold(sum, |sum: u64, number| sum.rotate_left(3) ^ number);
        }
        assert!(resident_kib(pid).unwrap() > 100, "{sum}");
        assert!(cpu_seconds(u32::MAX).is_err());
    }
}
