"""`unseg protect --dataset`: published data sets in, the same layout with protected pictures out."""
