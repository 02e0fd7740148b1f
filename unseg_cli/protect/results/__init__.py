"""What a run says and leaves beside the pictures: its report, a page, previews, the noise itself."""
