//! Times of presentation, in order, as runs of equal steps: a film of a constant frame rate is one run.

/// Sorted times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times {
    runs: Vec<Run>,
}

/// `first`, `first + step`, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    step: i64,
    /// At least 1.
    count: u64,
}

impl Run {
    /// Saturates, as all of this file does: sums were checked when the run was made.
    fn at(&self, index: u64) -> i64 {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        self.first.saturating_add(self.step.saturating_mul(index))
    }

    fn last(&self) -> i64 {
        self.at(self.count - 1)
    }

    /// How many of its times are before `bound`.
    fn count_before(&self, bound: i64) -> u64 {
        if self.first >= bound {
            return 0;
        }
        if self.step == 0 {
            return self.count;
        }
        let distance = i128::from(bound) - i128::from(self.first);
        let steps = (distance - 1) / i128::from(self.step) + 1;
        u64::try_from(steps).unwrap_or(u64::MAX).min(self.count)
    }
}

impl Times {
    /// Of any times: sorts them.
    pub(super) fn from_unsorted(mut times: Vec<i64>) -> Self {
        times.sort_unstable();
        let mut sorted = Self::default();
        for time in times {
            sorted.push(time, 0, 1);
        }
        sorted
    }

    /// Appends `count` times from `first` on, none of them before the last one's. A `first` that is
    /// earlier, as overlapping fragments of sound have it, counts as being at the last time.
    pub(super) fn push(&mut self, first: i64, step: i64, count: u64) {
        if count == 0 {
            return;
        }
        let Some(open) = self.runs.last_mut() else {
            self.runs.push(Run { first, step, count });
            return;
        };
        let first = first.max(open.last());
        let gap = first.saturating_sub(open.last());
        let is_same_step = count == 1 || step == gap;
        if is_same_step && (open.count == 1 || open.step == gap) {
            open.step = gap;
            open.count = open.count.saturating_add(count);
        } else {
            self.runs.push(Run { first, step, count });
        }
    }

    fn count_before(&self, bound: i64) -> u64 {
        let runs = self.runs.iter().take_while(|run| run.first < bound);
        runs.map(|run| run.count_before(bound)).sum()
    }

    /// How many times are in `from..until`.
    pub(super) fn count_in(&self, from: i64, until: i64) -> u64 {
        let before = self.count_before(from);
        self.count_before(until).saturating_sub(before)
    }

    pub(super) fn first_at_or_after(&self, bound: i64) -> Option<i64> {
        let run = self.runs.iter().find(|run| run.last() >= bound)?;
        Some(run.at(run.count_before(bound)))
    }

    pub(super) fn last_before(&self, bound: i64) -> Option<i64> {
        let run = self.runs.iter().rev().find(|run| run.first < bound)?;
        Some(run.at(run.count_before(bound).checked_sub(1)?))
    }

    pub(super) fn iter_in(&self, from: i64, until: i64) -> impl Iterator<Item = i64> {
        self.runs.iter().flat_map(move |run| {
            let inside = run.count_before(from)..run.count_before(until);
            inside.map(|index| run.at(index))
        })
    }

    pub(super) fn constant_step(&self) -> Option<u32> {
        match self.runs.as_slice() {
            [run] if run.count > 1 && run.step > 0 => u32::try_from(run.step).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_rate_is_one_run() {
        let times = Times::from_unsorted(vec![0, 3003, 1001, 2002, 5005, 4004]);
        assert_eq!(times.runs.len(), 1);
        assert_eq!(times.constant_step(), Some(1001));
        assert_eq!(times.last_before(i64::MAX), Some(5005));
    }

    proptest! {
        #[test]
        fn runs_answer_as_the_list_does(
            mut list in proptest::collection::vec(-50i64..200, 0..60),
            from in -60i64..220,
            length in 0i64..200,
        ) {
            let times = Times::from_unsorted(list.clone());
            list.sort_unstable();
            let until = from + length;
            let inside: Vec<i64> =
                list.iter().copied().filter(|t| (from..until).contains(t)).collect();
            prop_assert_eq!(times.count_in(from, until), inside.len() as u64);
            prop_assert_eq!(times.iter_in(from, until).collect::<Vec<_>>(), inside);
            prop_assert_eq!(
                times.first_at_or_after(from),
                list.iter().copied().find(|t| *t >= from)
            );
            prop_assert_eq!(
                times.last_before(until),
                list.iter().copied().rev().find(|t| *t < until)
            );
        }

        #[test]
        fn pushed_runs_are_the_times_pushed(
            runs in proptest::collection::vec((0i64..9, 0i64..5, 1u64..6), 1..20)
        ) {
            let (mut times, mut list, mut at) = (Times::default(), Vec::new(), 0);
            for (gap, step, count) in runs {
                at += gap;
                times.push(at, step, count);
                for _ in 0..count {
                    list.push(at);
                    at += step;
                }
                at -= step;
            }
            prop_assert_eq!(times.iter_in(i64::MIN, i64::MAX).collect::<Vec<_>>(), list);
        }
    }
}
