"""What Stripe does with time and money: periods, lines, invoices, payments, retries."""
