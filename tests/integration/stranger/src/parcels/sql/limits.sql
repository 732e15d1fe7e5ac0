-- Rounded: threads add the numbers of a group in any order, which changes the last bits of a mean
SELECT region, round(avg(hours_late), 9) AS late, count(*) AS parcels FROM self GROUP BY region ORDER BY region
