//! Which backend, which endpoint: choices without state of their own, and the memory of endpoints
//! that could not be reached.

mod avoid;
mod random;

pub use avoid::Avoidance;
pub use random::Random;

/// Chooses by weight: the index of the first entry whose running sum is above a random number.
///
/// `cumulative` are running sums of weights, ascending; the last is the total and above 0.
pub fn by_weight(
    cumulative: impl ExactSizeIterator<Item = u32>,
    total: u32,
    random: &Random,
) -> usize {
    let last = cumulative.len().saturating_sub(1);
    if last == 0 {
        return 0;
    }
    let point = random.below(total);
    cumulative
        .enumerate()
        .find(|&(_, sum)| point < sum)
        .map_or(last, |(index, _)| index)
}

/// Chooses an endpoint: of two random usable ones, the one with less to do. `None` when `count` is 0.
///
/// When all are to be avoided, any may be chosen: an unlikely answer beats a certain refusal.
pub fn endpoint(
    count: usize,
    random: &Random,
    usable: impl Fn(usize) -> bool,
    load: impl Fn(usize) -> usize,
) -> Option<usize> {
    if count <= 1 {
        return (count == 1).then_some(0);
    }
    let size = u32::try_from(count).unwrap_or(u32::MAX);
    let pick = || {
        let start = random.below(size) as usize;
        (0..count)
            .map(|step| (start + step) % count)
            .find(|&index| usable(index))
            .unwrap_or(start)
    };
    let (first, second) = (pick(), pick());
    Some(if load(second) < load(first) {
        second
    } else {
        first
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept() {
        let random = Random::new(7);
        let mut hits = [0u32; 3];
        for _ in 0..30_000 {
            hits[by_weight([10, 10, 30].into_iter(), 30, &random)] += 1;
        }
        assert_eq!(hits[1], 0, "weight 0 is never chosen");
        assert!((9_000..11_000).contains(&hits[0]), "{hits:?}");
    }

    #[test]
    fn what_is_avoided_is_chosen_only_when_nothing_else_is_left() {
        let random = Random::new(7);
        for _ in 0..1000 {
            assert_eq!(endpoint(3, &random, |index| index == 1, |_| 0), Some(1));
        }
        assert!(endpoint(3, &random, |_| false, |_| 0).is_some());
        assert_eq!(endpoint(0, &random, |_| true, |_| 0), None);
    }
}
